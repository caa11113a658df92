using System.Globalization;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;
using Osv.Contracts.Node;
using Osv.ControlPlaneDouble;
using Osv.Rack;

namespace Osv.Bench.Node;

/// <summary>A control plane on loopback and one node of the virtual rack that booted from it.</summary>
internal sealed class BenchNode : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(15);
    private readonly string _folder;
    private readonly VirtualRack _rack;

    private BenchNode(string folder, VirtualRack rack, ControlPlane plane, VirtualNode machine)
    {
        (_folder, _rack, Plane, Machine) = (folder, rack, plane, machine);
    }

    public ControlPlane Plane { get; }
    public VirtualNode Machine { get; }
    public NodeRecord Node => Plane.Registry.Nodes.Single();

    /// <summary>From power-on until the control plane has the node's inventory and first heartbeat.</summary>
    public TimeSpan Ready { get; private set; }

    /// <summary>From "monitor and payload are loaded" until the monitor enters partition 0.</summary>
    public TimeSpan Monitor { get; private set; }

    public static async Task<BenchNode> BootAsync(BenchFiles files, int cores, long memory, CancellationToken cancel)
    {
        ControlPlane plane = await ControlPlane.StartAsync("10.0.2.2").ConfigureAwait(false);
        plane.Boot(files.Monitor, files.Payload);
        // What a control plane asks for.
        plane.Registry.HeartbeatSeconds = 5;
        string folder = Directory.CreateTempSubdirectory("osvb").FullName;
        var rack = new VirtualRack(folder);
        VirtualNode machine = rack.Add(new VirtualNodeShape("n", cores, memory));
        var node = new BenchNode(folder, rack, plane, machine);
        try
        {
            var clock = Stopwatch.StartNew();
            await machine.PowerOnAsync(new Uri(plane.Http, "/netboot/v1/start.ipxe"), cancel).ConfigureAwait(false);
            await plane.Registry.WaitAsync(() => plane.Registry.Stages.Contains("loaded"), s_patience, "the node to load its files").ConfigureAwait(false);
            TimeSpan loaded = clock.Elapsed;
            while (!File.ReadAllText(machine.SerialLog).Contains("starting partition 0", StringComparison.Ordinal)) await Task.Delay(10, cancel).ConfigureAwait(false);
            node.Monitor = clock.Elapsed - loaded;
            await plane.Registry.WaitAsync(() => plane.Registry.Nodes is [{ Inventory: not null, Heartbeat: not null }], s_patience, "the node to connect").ConfigureAwait(false);
            node.Ready = clock.Elapsed;
        }
        catch
        {
            await node.DisposeAsync().ConfigureAwait(false);
            throw;
        }
        return node;
    }

    /// <summary>A tenant on the given cores.</summary>
    public static DesiredPartition Tenant(string id, Image image, long memory, params uint[] cores)
    {
        var wanted = new DesiredPartition
        {
            TenantId = id, Name = id, Power = PowerState.Running, StartGeneration = 1, Restart = RestartPolicy.Always, Lease = LeasePolicy.RunOn,
            Image = image, CloudInit = new CloudInit { Hostname = id },
        };
        wanted.ApicIds.Add(cores);
        wanted.Memory.Add(new MemoryShare { Cell = 0, Bytes = (ulong)memory });
        return wanted;
    }

    public Task UntilAsync(Func<bool> condition, string what) => Plane.Registry.WaitAsync(condition, s_patience, what);

    /// <summary>
    /// Lets the host run the management core first, as if it were a core of its own: on a few host cores it would have to wait for dozens of tenants' cores.
    /// </summary>
    public async Task FavourManagementAsync(CancellationToken cancel)
    {
        IReadOnlyList<int> threads = await Machine.ProcessorThreadsAsync(cancel).ConfigureAwait(false);
        using Process renice = Process.Start(new ProcessStartInfo("renice", ["-n", "19", "-p", .. threads.Skip(1).Select(id => id.ToString(CultureInfo.InvariantCulture))]) { RedirectStandardOutput = true })!;
        await renice.StandardOutput.ReadToEndAsync(cancel).ConfigureAwait(false);
        await renice.WaitForExitAsync(cancel).ConfigureAwait(false);
        if (renice.ExitCode != 0) throw new InvalidOperationException($"renice of the processors' threads ended with status {renice.ExitCode}");
    }

    /// <summary>Runs a command on the management console and returns what it printed.</summary>
    public async Task<string> ManagementAsync(string command, CancellationToken cancel)
    {
        string end = Guid.NewGuid().ToString("N");
        using var line = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await line.ConnectAsync(new UnixDomainSocketEndPoint(Machine.SerialSocket), cancel).ConfigureAwait(false);
        await line.SendAsync(Encoding.ASCII.GetBytes($"\n{command}; echo {end[..16]}''{end[16..]}\n"), cancel).ConfigureAwait(false);
        var said = new StringBuilder();
        byte[] buffer = new byte[4096];
        while (!said.ToString().Contains(end, StringComparison.Ordinal))
        {
            int count = await line.ReceiveAsync(buffer, cancel).ConfigureAwait(false);
            if (count == 0) throw new InvalidOperationException($"the management console was closed after: {said}");
            said.Append(Encoding.UTF8.GetString(buffer, 0, count));
        }
        return said.ToString();
    }

    public static ByteString Hash(byte[] content) => ByteString.CopyFrom(System.Security.Cryptography.SHA256.HashData(content));

    public async ValueTask DisposeAsync()
    {
        await _rack.RemoveAsync(Machine, CancellationToken.None).ConfigureAwait(false);
        await Plane.DisposeAsync().ConfigureAwait(false);
        Directory.Delete(_folder, recursive: true);
    }
}
