using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Osv.Cli.Access;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;
using Osv.Cli.Images;
using Osv.Images;
using Osv.Netboot;
using Osv.Postgres;
using Osv.Rack;

namespace Osv.Cli.Cloud;

/// <summary>The steps from nothing to Ready nodes. Each finds out what is there already, so any of them may be cut short and repeated.</summary>
internal sealed class CloudStart(CloudHome home, CloudSettings wanted, Steps steps)
{
    private const string Administrator = "admin", Rack = "virtual";
    private static readonly TimeSpan s_bootPatience = TimeSpan.FromMinutes(5), s_poll = TimeSpan.FromMilliseconds(300);

    /// <summary>The longest that the control plane grants.</summary>
    private static readonly TimeSpan TokenLife = TimeSpan.FromDays(366);
    private readonly NodeArtifacts _built = new(Repository.Root, steps.Warn);
    private readonly TenantImages _images = new(Repository.Root, steps.Warn);
    private readonly ProgramBuild _hostBuild = ProgramBuild.Host(Repository.Root), _switchBuild = ProgramBuild.Switch(Repository.Root);
    private readonly CloudProcess _host = HostProcess.Of(home), _switch = SwitchProcess.Of(home);
    private CloudSettings _settings = wanted;
    private (string Kernel, string Initrd) _eraser;

    public async Task RunAsync(CancellationToken cancel)
    {
        VirtualRack rack = home.Rack;
        List<VirtualNodeShape> shapes = [.. Shapes(rack, _settings)];
        HashSet<string> on = [.. rack.Nodes.Where(node => node.IsOn).Select(node => node.Shape.Name)];
        if (_host.Id is null) HostCheck.RequireFree(_settings.ConsolePort);
        await HostCheck.RunAsync(_settings, shapes.Count(shape => !on.Contains(shape.Name)), home.Folder, isNew: !File.Exists(home.Settings), cancel).ConfigureAwait(false);
        // Not before: what this machine cannot carry must leave nothing behind.
        List<VirtualNode> nodes = [.. shapes.Select(rack.Add)];
        await steps.RunAsync("build", step => BuildAsync(step, cancel)).ConfigureAwait(false);
        PostgresCluster database = null!;
        await steps.RunAsync("database", async _ =>
        {
            database = await PostgresCluster.StartAsync(new PostgresOptions { Folder = await home.PostgresFolderAsync(cancel).ConfigureAwait(false), SharedBuffersMebibytes = 64, MaxConnections = 100 }, cancel).ConfigureAwait(false);
            await database.EnsureDatabaseAsync(PostgresHome.Database, cancel).ConfigureAwait(false);
            return $"PostgreSQL {(database.WasRunning ? "runs" : "started")} on port {database.Port}";
        }).ConfigureAwait(false);
        await steps.RunAsync("switch", async _ =>
        {
            if (_switch.Id is not null) return "runs";
            await SwitchProcess.StartAsync(home, cancel).ConfigureAwait(false);
            return "started";
        }).ConfigureAwait(false);
        await steps.RunAsync("control plane", step => StartHostAsync(database, step, cancel)).ConfigureAwait(false);
        string? password = null;
        ApiConnection connection = null!;
        await steps.RunAsync("first user", async _ =>
        {
            (connection, password) = await LogInAsync(cancel).ConfigureAwait(false);
            return password is null ? "is there" : $"{Administrator} made";
        }).ConfigureAwait(false);
        using ApiConnection signedIn = connection;
        var api = new ApiClient(signedIn);
        // Nodes boot while the larger images are built.
        foreach (VirtualNode node in nodes)
        {
            if (await api.FindNodeAsync(node.Shape.Name, cancel).ConfigureAwait(false) is null)
            {
                await api.RegisterNodeAsync(new RegisterNode { Name = node.Shape.Name, SerialNumber = node.Shape.Serial, Rack = Rack, PowerDomain = node.Shape.Name }, cancel).ConfigureAwait(false);
            }
            await node.PowerOnAsync(new Uri(_settings.NetbootForNodes, BootScript.StartPath), cancel).ConfigureAwait(false);
        }
        foreach (string name in TenantImages.Names) await steps.RunAsync($"image {name}", step => OfferAsync(api, name, step, cancel)).ConfigureAwait(false);
        foreach (VirtualNode node in nodes) await steps.RunAsync($"node {node.Shape.Name}", step => ReadyAsync(api, node, step, cancel)).ConfigureAwait(false);
        Summarise(nodes, password);
        if (password is not null) File.Delete(home.FirstPassword);
    }

    private static IEnumerable<VirtualNodeShape> Shapes(VirtualRack rack, CloudSettings settings)
    {
        var there = rack.Nodes.ToDictionary(node => node.Shape.Name, node => node.Shape, StringComparer.Ordinal);
        for (int number = 1; number <= settings.Nodes; number++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"node{number}");
            yield return there.GetValueOrDefault(name) ?? new VirtualNodeShape(name, settings.Cores, settings.MemoryBytes) { Nics = settings.Nics, Disks = settings.Disks };
        }
    }

    private async Task<string> BuildAsync(Step step, CancellationToken cancel)
    {
        var clock = Stopwatch.StartNew();
        step.Say("monitor");
        await _built.BuildMonitorAsync(cancel).ConfigureAwait(false);
        step.Say("agent, compiled ahead of time");
        await _built.PublishAgentAsync(cancel).ConfigureAwait(false);
        if (!_hostBuild.IsFresh)
        {
            step.Say("control plane");
            // It must not run from files that are being replaced; tenants do not notice.
            await _host.StopAsync(cancel).ConfigureAwait(false);
            await _hostBuild.RunAsync(cancel).ConfigureAwait(false);
        }
        if (!_switchBuild.IsFresh)
        {
            step.Say("switch");
            await _switch.StopAsync(cancel).ConfigureAwait(false);
            await _switchBuild.RunAsync(cancel).ConfigureAwait(false);
        }
        step.Say("node image");
        await _built.BuildPayloadAsync(NodeArtifacts.CloudKernel, cancel).ConfigureAwait(false);
        _eraser = await _built.BuildEraserAsync(NodeArtifacts.CloudKernel, cancel).ConfigureAwait(false);
        return clock.Elapsed > TimeSpan.FromSeconds(5) ? "done" : "up to date";
    }

    private async Task<string> StartHostAsync(PostgresCluster database, Step step, CancellationToken cancel)
    {
        CloudSettings? last = CloudSettings.Load(home.Settings);
        if (_host.Id is not null && last?.DatabasePort is { } port && port != database.Port)
        {
            step.Say($"its database has moved from port {port} to {database.Port}");
            await _host.StopAsync(cancel).ConfigureAwait(false);
        }
        _settings = _settings with { DatabasePort = database.Port };
        if (_host.Id is not null)
        {
            if (last is not null && last.ConsolePort != _settings.ConsolePort) throw new CommandException($"the control plane runs on port {last.ConsolePort}: 'osv down' first, then 'osv up --port {_settings.ConsolePort}'");
            _settings.Save(home.Settings);
            return $"runs at {_settings.Console}";
        }
        // Machines that are on have these ports in their boot scripts: kept if at all possible.
        _settings = _settings with { NetbootPort = LoopbackPort.FreeOr(_settings.NetbootPort), GatewayPort = LoopbackPort.FreeOr(_settings.GatewayPort) };
        _settings.Save(home.Settings);
        var environment = new Dictionary<string, string>
        {
            ["ConnectionStrings__Osv"] = database.ConnectionString(PostgresHome.Database),
            ["urls"] = _settings.Console.GetLeftPart(UriPartial.Authority),
            ["Osv__KeyFolder"] = home.Keys,
            ["Osv__FirstAdministrator"] = Administrator,
            ["Osv__FirstPasswordFile"] = home.FirstPassword,
            ["Osv__Netboot__Listen"] = $"http://127.0.0.1:{_settings.NetbootPort}",
            ["Osv__Netboot__Address"] = _settings.NetbootForNodes.GetLeftPart(UriPartial.Authority),
            ["Osv__Netboot__Monitor"] = _built.Monitor,
            ["Osv__Netboot__Payload"] = _built.Payload(NodeArtifacts.CloudKernel),
            ["Osv__Netboot__EraserKernel"] = _eraser.Kernel,
            ["Osv__Netboot__EraserInitrd"] = _eraser.Initrd,
            ["Osv__Gateway__Listen"] = $"https://127.0.0.1:{_settings.GatewayPort}",
            ["Osv__Gateway__Address"] = _settings.GatewayForNodes.GetLeftPart(UriPartial.Authority),
            [$"Osv__Networks__Switches__{Rack}"] = home.SwitchSocket,
            // A desktop's share: the workstation collector gives memory back and takes no thread per core.
            ["DOTNET_gcServer"] = "0",
        };
        step.Say("waits until it can serve");
        using var http = new HttpClient { BaseAddress = _settings.Console, Timeout = TimeSpan.FromSeconds(5) };
        await _host.StartAsync([], environment, stop => HostProcess.IsReadyAsync(http, stop), cancel).ConfigureAwait(false);
        return $"started at {_settings.Console}";
    }

    /// <summary>A connection that may do all, and the first administrator's password if it has not been shown yet.</summary>
    private async Task<(ApiConnection Connection, string? Password)> LogInAsync(CancellationToken cancel)
    {
        string? password = File.Exists(home.FirstPassword) ? (await File.ReadAllTextAsync(home.FirstPassword, cancel).ConfigureAwait(false)).Trim() : null;
        if (!File.Exists(home.Token))
        {
            if (password is null) throw new CommandException($"the password of {Administrator} has been shown and no token is kept in {home.Folder}: start afresh with 'osv down --purge'");
            await MakeTokenAsync(password, cancel).ConfigureAwait(false);
        }
        string token = await File.ReadAllTextAsync(home.Token, cancel).ConfigureAwait(false);
        // Later commands find this cloud, whichever was signed in to before, and may act on it.
        Credentials.Load().Save(_settings.Console, new Credential(Administrator, token, File.GetLastWriteTimeUtc(home.Token) + TokenLife));
        return (new ApiConnection(_settings.Console, token), password);
    }

    /// <summary>A token that lives as long as tokens can.</summary>
    private async Task MakeTokenAsync(string password, CancellationToken cancel)
    {
        using var anonymous = new ApiConnection(_settings.Console, null);
        CreatedToken login = (await new ApiClient(anonymous).LoginAsync(new Login { UserName = Administrator, Password = password }, cancel).ConfigureAwait(false)).Value;
        using var signedIn = new ApiConnection(_settings.Console, login.Token);
        CreatedToken token = (await new ApiClient(signedIn).CreateTokenAsync(new CreateToken { Name = "osv-up", Scopes = ["*"], ExpiresInDays = (int)TokenLife.TotalDays }, cancel).ConfigureAwait(false)).Value;
        CloudHome.WriteSecret(home.Token, token.Token);
    }

    private async Task<string> OfferAsync(ApiClient api, string name, Step step, CancellationToken cancel)
    {
        step.Say("builds");
        TenantImage image = await _images.BuildAsync(name, cancel).ConfigureAwait(false);
        step.Say("compares");
        if (await api.FindImageAsync(name, cancel).ConfigureAwait(false) is { } there)
        {
            if (there.KernelSha256 == await HashAsync(image.Kernel, cancel).ConfigureAwait(false) && there.InitrdSha256 == await HashAsync(image.Initrd, cancel).ConfigureAwait(false)) return "is there";
            // Tenants keep what they boot from: they are not touched because the image was built anew.
            if (there.Tenants > 0) return $"is there in an older build, which {there.Tenants} tenants boot from";
            await api.DeleteImageAsync(name, null, cancel).ConfigureAwait(false);
        }
        using var upload = new Upload(step.Progress);
        upload.AddField("name", name);
        upload.AddField("commandLine", image.CommandLine);
        upload.AddField("shared", "true");
        upload.AddFile("kernel", new FileInfo(image.Kernel));
        upload.AddFile("initrd", new FileInfo(image.Initrd));
        await api.CreateImageAsync(upload.Form, cancel).ConfigureAwait(false);
        return "offered to all projects";
    }

    private static async Task<string> HashAsync(string file, CancellationToken cancel)
    {
        await using FileStream stream = File.OpenRead(file);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancel).ConfigureAwait(false));
    }

    private static async Task<string> ReadyAsync(ApiClient api, VirtualNode node, Step step, CancellationToken cancel)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            NodeDetail seen = await api.FindNodeAsync(node.Shape.Name, cancel).ConfigureAwait(false) ?? throw new CommandException($"node {node.Shape.Name} is not registered any more: run 'osv up' again");
            if (seen.State is NodeState.Draining or NodeState.Drained) return seen.State;
            // What was last heard of it may be from before it was switched on.
            if (seen.State == NodeState.Ready && seen.LastHeartbeat >= node.OnSince) return $"Ready, {node.Shape.Cores} cores, {Sizes.Format(node.Shape.MemoryBytes)}";
            string at = seen.BootStep ?? "power";
            step.Say($"{seen.State}, boot step {at}");
            if (!node.IsOn) throw new CommandException($"node {node.Shape.Name} switched itself off while booting: see {node.SerialLog}");
            if (clock.Elapsed > s_bootPatience) throw new CommandException($"node {node.Shape.Name} is not Ready after {s_bootPatience.TotalMinutes:0} minutes; it stands at boot step {at} ({seen.Reason}): see {node.SerialLog}");
            await Task.Delay(s_poll, cancel).ConfigureAwait(false);
        }
    }

    private void Summarise(List<VirtualNode> nodes, string? password)
    {
        Console.WriteLine();
        Console.WriteLine($"OSV Cloud is up with {nodes.Count} node{(nodes.Count == 1 ? string.Empty : "s")} after {steps.Elapsed.TotalSeconds:0} s.");
        string[] others = [.. home.Rack.Nodes.Where(node => node.IsOn).Select(node => node.Shape.Name).Except(nodes.Select(node => node.Shape.Name))];
        if (others.Length > 0) Console.WriteLine($"  besides   {string.Join(", ", others)}, from an earlier 'up', run{(others.Length == 1 ? "s" : string.Empty)} on; 'osv down' stops all of them");
        Console.WriteLine($"  console   {_settings.Console}");
        if (password is not null) Console.WriteLine($"  user      {Administrator}\n  password  {password}   (shown this once)");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  try       ./osv tenant create hello --image debian-12 --cores {Math.Clamp(_settings.Cores - 1, 1, 2)} --memory 512MiB --wait"));
    }
}
