using System.Text;
using Osv.Contracts.Node;
using Osv.ControlPlaneDouble;

namespace Osv.Node.Tests;

/// <summary>A control plane and one node that booted from it and is connected.</summary>
internal sealed class Rack : IAsyncDisposable
{
    public static readonly TimeSpan BootTime = TimeSpan.FromSeconds(300), Patience = TimeSpan.FromSeconds(240);
    private static int s_count;
    private readonly NodeFixture _fixture;

    private Rack(NodeFixture fixture, ControlPlane plane, NetbootedNode machine)
    {
        _fixture = fixture;
        Plane = plane;
        Machine = machine;
    }

    public ControlPlane Plane { get; }
    public NetbootedNode Machine { get; }
    public NodeRecord Node => Plane.Registry.Nodes.Single();

    public static async Task<Rack> StartAsync(NodeFixture fixture, string name, int cores = 4, string memory = "2G", Action<Registry>? prepare = null, byte[]? payload = null, string device = "virtio-net-pci,disable-legacy=on")
    {
        ControlPlane plane = await ControlPlane.StartAsync("10.0.2.2");
        prepare?.Invoke(plane.Registry);
        plane.Boot(fixture.Monitor, payload ?? fixture.Payload);
        NetbootedNode machine = NetbootedNode.Start(name, cores, memory, $"RACK-{++s_count}", Guid.NewGuid(), NetbootedNode.UserNetwork(new Uri(plane.Http, "/netboot/v1/start.ipxe"), device));
        var rack = new Rack(fixture, plane, machine);
        try
        {
            await rack.UntilAsync(() => plane.Registry.Nodes is [{ Inventory: not null }], BootTime, "the node to connect");
        }
        catch (TimeoutException error)
        {
            await rack.DisposeAsync();
            throw new TimeoutException($"{error.Message}\nserial:\n{machine.Serial}");
        }
        return rack;
    }

    public Task UntilAsync(Func<bool> condition, TimeSpan most, string what) => Plane.Registry.WaitAsync(condition, most, what);

    public Task UntilPhaseAsync(string tenant, PartitionPhase phase) => UntilAsync(() => Node.Partition(tenant)?.Phase == phase, Patience, $"{tenant} to be {phase}");

    public Task UntilSaysAsync(string tenant, string text) => UntilAsync(() => Node.Console(tenant).Contains(text, StringComparison.Ordinal), Patience, $"{tenant} to print '{text}'");

    /// <summary>The busybox tenant on free cores.</summary>
    public DesiredPartition Tenant(string id, params uint[] cores)
    {
        var wanted = new DesiredPartition
        {
            TenantId = id,
            Name = id,
            Power = PowerState.Running,
            StartGeneration = 1,
            Restart = RestartPolicy.Never,
            Lease = LeasePolicy.RunOn,
            Image = new Image { Name = "busybox", Kernel = Plane.AddImage(_fixture.TenantKernel), Initrd = Plane.AddImage(_fixture.TenantInitrd), CommandLine = "console=ttyS0 quiet" },
            CloudInit = new CloudInit { Hostname = $"{id}-host" },
        };
        wanted.ApicIds.Add(cores);
        wanted.Memory.Add(new MemoryShare { Cell = 0, Bytes = 256 << 20 });
        return wanted;
    }

    /// <summary>Waits until the tenant's shell answers now.</summary>
    public async Task AnswersAsync(string tenant)
    {
        string word = Guid.NewGuid().ToString("N");
        Node.Type(tenant, $"echo {word[..16]}''{word[16..]}\n");
        await UntilSaysAsync(tenant, word);
    }

    /// <summary>What the management console shows for a command.</summary>
    public async Task<string> ManagementAsync(string command)
    {
        string end = $"END-{Guid.NewGuid():N}";
        int from = Machine.Serial.Length;
        await Machine.TypeAsync($"{command}; echo {end[..8]}''{end[8..]}");
        await Machine.WaitForAsync(end, Patience, from);
        return Machine.Serial[from..];
    }

    public async ValueTask DisposeAsync()
    {
        string known = new StringBuilder().AppendJoin('\n', Plane.Registry.Nodes).ToString();
        await Machine.DisposeAsync();
        await Plane.DisposeAsync();
        TestContext.Current.TestOutputHelper?.WriteLine(known);
    }
}
