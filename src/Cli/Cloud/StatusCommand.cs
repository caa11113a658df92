using System.CommandLine;
using System.Text.Json;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;
using Osv.Postgres;
using Osv.Rack;

namespace Osv.Cli.Cloud;

/// <summary><c>osv status</c>: what of this machine's cloud runs, where, and how it is.</summary>
internal static class StatusCommand
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Create()
    {
        var command = new Command("status", "What runs of the cloud on this machine.") { CommonOptions.Output };
        command.SetAction((result, cancel) => CloudCommands.RunAsync(async () =>
        {
            Status status = await ReadAsync(cancel).ConfigureAwait(false);
            if (result.GetValue(CommonOptions.Output) == CommonOptions.Json) Console.WriteLine(JsonSerializer.Serialize(status, s_json));
            else Print(status);
        }));
        return command;
    }

    private static async Task<Status> ReadAsync(CancellationToken cancel)
    {
        var home = new CloudHome(Repository.Home);
        CloudSettings settings = CloudSettings.Load(home.Settings) ?? new CloudSettings();
        CloudProcess process = HostProcess.Of(home), network = SwitchProcess.Of(home);
        string folder = await home.PostgresFolderAsync(cancel).ConfigureAwait(false);
        PostgresCluster? database = PostgresCluster.Exists(folder) ? PostgresCluster.FindRunning(folder) : null;
        bool ready = false;
        string? version = null;
        using var connection = new ApiConnection(settings.Console, File.Exists(home.Token) ? await File.ReadAllTextAsync(home.Token, cancel).ConfigureAwait(false) : null);
        var api = new ApiClient(connection);
        if (process.Id is not null)
        {
            using var http = new HttpClient { BaseAddress = settings.Console, Timeout = TimeSpan.FromSeconds(5) };
            ready = await HostProcess.IsReadyAsync(http, cancel).ConfigureAwait(false);
            version = System.Diagnostics.FileVersionInfo.GetVersionInfo(ProgramBuild.Host(Repository.Root).Assembly).ProductVersion;
        }
        var nodes = new List<NodeStatus>();
        foreach (VirtualNode node in home.Rack.Nodes)
        {
            NodeDetail? seen = ready && connection.Token is not null ? await api.FindNodeAsync(node.Shape.Name, cancel).ConfigureAwait(false) : null;
            nodes.Add(new NodeStatus(node.Shape.Name, node.IsOn, node.ProcessId, seen?.State, seen?.MonitorVersion, seen?.AgentVersion, node.Shape.Cores, node.Shape.MemoryBytes, node.SerialLog));
        }
        return new Status(
            home.Folder,
            new HostStatus(process.Id is not null, process.Id, ready, version, process.Id is null ? null : settings.Console, process.ResidentBytes, process.Log),
            new DatabaseStatus(database is not null, database?.ProcessId, database?.Port),
            new SwitchStatus(network.Id is not null, network.Id, network.ResidentBytes, network.Log), nodes);
    }

    private static void Print(Status status)
    {
        Console.WriteLine($"control plane  {(status.ControlPlane.Running ? status.ControlPlane.Ready ? $"serves at {status.ControlPlane.Address}" : "runs, cannot serve yet" : "off")}{(status.ControlPlane.Running ? $"   process {status.ControlPlane.ProcessId}, {status.ControlPlane.ResidentBytes >> 20} MiB, version {status.ControlPlane.Version}" : string.Empty)}");
        Console.WriteLine($"database       {(status.Database.Running ? $"on port {status.Database.Port}   process {status.Database.ProcessId}" : "off")}");
        Console.WriteLine($"switch         {(status.Switch.Running ? $"runs   process {status.Switch.ProcessId}, {status.Switch.ResidentBytes >> 20} MiB" : "off")}");
        foreach (NodeStatus node in status.Nodes)
        {
            string versions = node.AgentVersion is null ? string.Empty : $", monitor {node.MonitorVersion}, agent {node.AgentVersion}";
            Console.WriteLine($"{node.Name,-14} {(node.On ? node.State ?? "on" : "off")}   {node.Cores} cores, {Sizes.Format(node.MemoryBytes)}{(node.On ? $", process {node.ProcessId}" : string.Empty)}{versions}");
        }
        if (!status.ControlPlane.Running) Console.WriteLine("start it with 'osv up'");
    }

    private sealed record Status(string Folder, HostStatus ControlPlane, DatabaseStatus Database, SwitchStatus Switch, IReadOnlyList<NodeStatus> Nodes);

    private sealed record HostStatus(bool Running, int? ProcessId, bool Ready, string? Version, Uri? Address, long ResidentBytes, string Log);

    private sealed record DatabaseStatus(bool Running, int? ProcessId, int? Port);

    private sealed record SwitchStatus(bool Running, int? ProcessId, long ResidentBytes, string Log);

    private sealed record NodeStatus(string Name, bool On, int? ProcessId, string? State, string? MonitorVersion, string? AgentVersion, int Cores, long MemoryBytes, string SerialLog);
}
