using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Osv.Web.Tests.Browser;

[assembly: CollectionBehavior(DisableTestParallelization = true)]
[assembly: AssemblyFixture(typeof(Osv.EndToEnd.Tests.CloudFixture))]

namespace Osv.EndToEnd.Tests;

/// <summary>A cloud of two nodes, started by the command of the README in a folder of its own, for all tests of this project.</summary>
public sealed partial class CloudFixture : IAsyncLifetime
{
    public const int Nodes = 2, Cores = 5;

    private static readonly TimeSpan s_up = TimeSpan.FromMinutes(15), s_command = TimeSpan.FromMinutes(5);
    private readonly string _folder = Directory.CreateTempSubdirectory("osv-e2e").FullName;

    /// <summary>Logs are kept here.</summary>
    public static string Logs { get; } = Directory.CreateDirectory(Path.Combine(Chromium.Repository, "artifacts", "test", "e2e")).FullName;

    public Uri Console { get; private set; } = null!;
    public static string User => "admin";
    public string Password { get; private set; } = string.Empty;
    public string Home => Path.Combine(_folder, "cloud");
    internal Ended Up { get; private set; } = null!;

    /// <summary>What <c>up</c> keeps for later commands.</summary>
    public string Token => File.ReadAllText(Path.Combine(Home, "token"));

    public async ValueTask InitializeAsync()
    {
        // The database's own user must be able to pass.
        File.SetUnixFileMode(_folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        Console = new Uri($"http://127.0.0.1:{FreePort()}");
        try
        {
            Up = await OsvAsync(s_up, "up", "--nodes", $"{Nodes}", "--cores", $"{Cores}", "--memory", "2560MiB", "--port", $"{Console.Port}");
            Up.Status.ShouldBe(0, Up.ToString());
            Password = PrintedPassword().Match(Up.Output).Groups[1].Value;
            Password.ShouldNotBeEmpty(Up.ToString());
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs ./osv against this cloud.</summary>
    internal Task<Ended> OsvAsync(params string[] arguments) => OsvAsync(s_command, arguments);

    internal Task<Ended> OsvAsync(TimeSpan most, params string[] arguments) => Shell.RunAsync(Path.Combine(Chromium.Repository, "osv"), arguments, Environment(), most);

    internal Dictionary<string, string> Environment() => new() { ["OSV_HOME"] = Home, ["XDG_CONFIG_HOME"] = Path.Combine(_folder, "config") };

    /// <summary>An answer of the API.</summary>
    public async Task<JsonElement> GetAsync(string path)
    {
        using var http = new HttpClient { BaseAddress = new Uri(Console, "/api/v1/") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        using HttpResponseMessage answer = await http.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        answer.IsSuccessStatusCode.ShouldBeTrue($"GET {path} answered {answer.StatusCode}: {text}");
        return JsonDocument.Parse(text).RootElement.Clone();
    }

    /// <summary>After a story that stopped half-way: keeps what its tenants said and removes them, so that the next one finds the cloud as it was.</summary>
    /// <param name="failure">Why it stopped: told with what keeps this from being done.</param>
    public async Task ClearAfterAsync(Exception failure)
    {
        try
        {
            await ClearAsync();
        }
        catch (Exception error)
        {
            throw new AggregateException("the story failed, and so did clearing up after it", failure, error);
        }
    }

    private async Task ClearAsync()
    {
        foreach (string job in await NamesAsync("jobs")) await OsvAsync("job", "cancel", job, "--wait");
        foreach (string tenant in await NamesAsync("tenants"))
        {
            Ended log = await OsvAsync("tenant", "log", tenant), exits = await OsvAsync("tenant", "exits", tenant);
            await File.WriteAllTextAsync(Path.Combine(Logs, $"{tenant}.log"), $"{log}\n{exits}", TestContext.Current.CancellationToken);
            await OsvAsync("tenant", "delete", tenant, "--wait");
        }
        foreach (string node in await NamesAsync("nodes")) await OsvAsync("node", "uncordon", node);
    }

    private async Task<IEnumerable<string>> NamesAsync(string what) => (await GetAsync(what)).GetProperty("items").EnumerateArray().Select(item => item.GetProperty("name").GetString()!).ToList();

    /// <summary>Exits of a tenant by reason since it started.</summary>
    public async Task<IReadOnlyDictionary<string, long>> ExitsAsync(string tenant) =>
        (await GetAsync($"tenants/{tenant}/exits?project=default")).GetProperty("exits").EnumerateObject().ToDictionary(count => count.Name, count => count.Value.GetInt64());

    public static Task UntilAsync(Func<Task<bool>> condition, TimeSpan most, string what) => UntilAsync(condition, TimeSpan.FromMilliseconds(500), most, what);

    /// <param name="every">Time between two looks.</param>
    public static async Task UntilAsync(Func<Task<bool>> condition, TimeSpan every, TimeSpan most, string what)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            if (clock.Elapsed > most) throw new TimeoutException($"waited {most.TotalSeconds:0} s for {what}");
            await Task.Delay(every, TestContext.Current.CancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        // After a start that failed it is called twice.
        if (!Directory.Exists(_folder)) return;
        KeepLogs();
        Ended down = await Shell.RunAsync(Path.Combine(Chromium.Repository, "osv"), ["down", "--purge"], Environment(), s_command);
        string[] left = Directory.GetFiles(_folder, "*", SearchOption.AllDirectories);
        Directory.Delete(_folder, recursive: true);
        down.Status.ShouldBe(0, down.ToString());
        left.ShouldBeEmpty("'down --purge' leaves no file");
    }

    /// <summary>A test run leaves what is needed to find out what happened.</summary>
    private void KeepLogs()
    {
        foreach (string log in (string[])["host.log", "switch.log"]) Copy(Path.Combine(Home, log), log);
        if (!Directory.Exists(Path.Combine(Home, "rack"))) return;
        foreach (string node in Directory.EnumerateDirectories(Path.Combine(Home, "rack"))) Copy(Path.Combine(node, "serial.log"), $"{Path.GetFileName(node)}.log");
    }

    private static void Copy(string from, string to)
    {
        if (File.Exists(from)) File.Copy(from, Path.Combine(Logs, to), overwrite: true);
    }

    private static int FreePort()
    {
        using var any = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        any.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)any.LocalEndPoint!).Port;
    }

    [GeneratedRegex(@"password\s+(\S+)")]
    private static partial Regex PrintedPassword();
}
