using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Osv.Data;
using Osv.Database.Testing;
using Osv.Web.Consoles;
using Osv.Web.Hosting;
using Osv.Web.Tests;

[assembly: AssemblyFixture(typeof(Site))]

namespace Osv.Web.Tests;

/// <summary>One site for all tests: they keep apart by the names of their projects, users and nodes.</summary>
public sealed partial class Site : IAsyncLifetime
{
    private TestCluster _cluster = default!;
    private TestDatabase _database = default!;
    private WebApplication _host = default!;

    public Uri Address { get; private set; } = default!;

    /// <summary>What the first start wrote to standard output.</summary>
    public string FirstOutput { get; private set; } = "";

    public string AdministratorPassword { get; private set; } = "";

    /// <summary>May do everything.</summary>
    public Api Administrator { get; private set; } = default!;

    public WebApplication Host => _host;

    public IServiceProvider Services => _host.Services;

    public async ValueTask InitializeAsync()
    {
        _cluster = await TestCluster.StartAsync(CancellationToken.None);
        // Without a table: the host brings the schema.
        _database = await _cluster.CreateEmptyDatabaseAsync(CancellationToken.None);
        TextWriter console = System.Console.Out;
        using var output = new StringWriter();
        System.Console.SetOut(output);
        try
        {
            _host = await StartAsync("--Osv:FirstAdministrator=admin");
        }
        finally
        {
            System.Console.SetOut(console);
        }
        FirstOutput = output.ToString();
        AdministratorPassword = PrintedPassword().Match(FirstOutput).Groups[1].Value;
        Address = new Uri(_host.Urls.Single());
        Administrator = await LoginAsync("admin", AdministratorPassword);
    }

    /// <summary>Another host on the same database.</summary>
    public Task<WebApplication> StartAsync(params string[] arguments) => StartOnAsync(_database, arguments);

    /// <summary>Another host on the same database that no node has a stream to.</summary>
    public Task<WebApplication> StartApartAsync(params string[] arguments) => StartOnAsync(_database, arguments, null);

    /// <summary>A database without any table.</summary>
    public Task<TestDatabase> NewDatabaseAsync() => _cluster.CreateEmptyDatabaseAsync(TestContext.Current.CancellationToken);

    /// <summary>A host on another database.</summary>
    public Task<WebApplication> StartOnAsync(TestDatabase database, params string[] arguments) =>
        StartOnAsync(database, arguments, builder => builder.Services.AddSingleton<IConsoleTransport>(Keyboards));

    private async Task<WebApplication> StartOnAsync(TestDatabase database, string[] arguments, Action<WebApplicationBuilder>? configure)
    {
        WebApplication host = OsvHost.Build(
            ["--urls", "http://127.0.0.1:0", $"--ConnectionStrings:Osv={_cluster.Cluster.TcpConnectionString(database.Name)}", "--Serilog:MinimumLevel:Default=Warning", "--Osv:Limits:Burst=100000", "--Osv:Limits:SignInsPerMinute=100000",
            // The tests play the scheduler themselves; CompositionTests have one that runs.
            "--Osv:Scheduler:Enabled=false", "--Osv:Netboot:Enabled=false", "--Osv:Gateway:Enabled=false", .. arguments],
            configure);
        await host.StartAsync();
        return host;
    }

    public Api Anonymous() => new(Address, null);

    public async Task<Api> LoginAsync(string user, string password)
    {
        using var anonymous = new Api(Address, null);
        Answer login = await anonymous.PostAsync("/api/v1/login", new { userName = user, password });
        login.Status.ShouldBe(200, login.Text);
        return new Api(Address, login.Json.GetProperty("token").GetString());
    }

    /// <summary>A new user, signed in.</summary>
    public async Task<Api> NewUserAsync(string name, string siteRole = "None")
    {
        const string password = "correct horse battery";
        (await Administrator.PostAsync("/api/v1/users", new { name, password, siteRole })).Status.ShouldBe(201);
        return await LoginAsync(name, password);
    }

    /// <summary>A new user who has a role in a project.</summary>
    public async Task<Api> NewMemberAsync(string project, string role)
    {
        string name = Unique(role.ToLowerInvariant());
        Api user = await NewUserAsync(name);
        Answer added = await Administrator.PutAsync($"/api/v1/projects/{project}/members/{name}", new { role });
        added.Status.ShouldBe(200, added.Text);
        return user;
    }

    /// <summary>Waits for what comes about soon, and nobody tells when.</summary>
    public static async Task UntilAsync(Func<Task<bool>> holds, string otherwise)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await holds())
        {
            deadline.IsCancellationRequested.ShouldBeFalse(otherwise);
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    public async Task<string> NewProjectAsync()
    {
        string name = Unique("project");
        (await Administrator.PostAsync("/api/v1/projects", new { name })).Status.ShouldBe(201);
        return name;
    }

    public static string Unique(string prefix) => $"{prefix}-{Guid.NewGuid().ToString("N")[..8]}";

    /// <summary>Takes what is typed in the place of the gateway of the first host.</summary>
    public TestKeyboards Keyboards { get; } = new();

    public TestDatabase Database => _database;

    /// <summary>Nodes, and what only the scheduler and the agents make.</summary>
    public FleetSeed Seed => new(_database.Source);

    /// <summary>For what only the scheduler and the agents write.</summary>
    public OsvDbContext OpenData() => Services.GetRequiredService<IDbContextFactory<OsvDbContext>>().CreateDbContext();

    public async ValueTask DisposeAsync()
    {
        Administrator?.Dispose();
        if (_host is not null) await _host.DisposeAsync();
        await _database.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [GeneratedRegex("first administrator: admin password: ([a-z0-9]+)")]
    private static partial Regex PrintedPassword();
}

/// <summary>The nodes that have a stream to this site, by their tenants.</summary>
public sealed class TestKeyboards : IConsoleTransport
{
    private readonly ConcurrentDictionary<Guid, Channel<byte[]>> _tenants = new();

    /// <summary>From now on the tenant's node is there; what is typed can be read.</summary>
    public ChannelReader<byte[]> Connect(Guid tenant) => _tenants.GetOrAdd(tenant, _ => Channel.CreateUnbounded<byte[]>()).Reader;

    public void Disconnect(Guid tenant) => _tenants.TryRemove(tenant, out _);

    public ValueTask<bool> TrySendAsync(Guid tenantId, ReadOnlyMemory<byte> data, CancellationToken cancel) =>
        ValueTask.FromResult(_tenants.TryGetValue(tenantId, out Channel<byte[]>? typed) && typed.Writer.TryWrite(data.ToArray()));
}
