using Osv.Agent.Consoles;
using Osv.Agent.Health;
using Osv.Agent.Node;
using Osv.Agent.Notes;
using Osv.Agent.Partitions;
using Osv.Agent.Session;
using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;

namespace Osv.Agent.Tests;

/// <summary>A simulated node and the reconciler on it, with a clock that the test moves.</summary>
internal sealed class Bench : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("osv-bench").FullName;
    private ulong _revision;

    public Bench(int cores = 6, params ulong[] cells)
    {
        Monitor = new SimulatedMonitor(cores, cells.Length == 0 ? [1024] : cells);
        Kernel = Images.Add(FakeImages.Kernel());
        Restart();
    }

    public SimulatedMonitor Monitor { get; }
    public FakeImages Images { get; } = new();
    public SteppingTime Time { get; } = new();
    public StringWriter Log { get; } = new();
    public Artifact Kernel { get; }
    public ControlDevice Device { get; private set; } = null!;
    public Reconciler Reconciler { get; private set; } = null!;
    public ConsoleHub? Consoles { get; private set; }
    public Lease Lease { get; private set; } = null!;
    public NodeNotes Notes { get; private set; } = null!;

    /// <summary>As after the agent was killed: a new one with nothing but what outlives it.</summary>
    public void Restart()
    {
        Device = Monitor.Open();
        ControlDevice device = Device;
        Notes = new NodeNotes(new NoteStore(() => device.Notes, ControlLayout.MaxPartitions));
        Lease = new Lease(Time);
        Consoles?.Dispose();
        Consoles = new ConsoleHub(Device, _folder, Time, new AgentLog(Time, Log));
        var witness = new PanicWitness(Device, new Prober(Device, Time, new AgentLog(Time, Log)));
        ConsoleHub consoles = Consoles;
        Reconciler = new Reconciler(Device, Notes, Images, Lease, note => witness.Confirms(note, consoles.EndsInPanic(note)), Time, new AgentLog(Time, Log));
    }

    /// <summary>As after the management Linux died: files in its memory are gone, too.</summary>
    public void RestartManagement()
    {
        Consoles!.Dispose();
        Directory.Delete(_folder, recursive: true);
        Restart();
    }

    public DesiredPartition Tenant(string id, params uint[] cores)
    {
        var wanted = new DesiredPartition
        {
            TenantId = id,
            Power = PowerState.Running,
            StartGeneration = 1,
            Restart = RestartPolicy.Never,
            Lease = LeasePolicy.RunOn,
            Image = new Image { Name = "test", Kernel = Kernel, CommandLine = "console=ttyS0" },
        };
        wanted.ApicIds.Add(cores);
        wanted.Memory.Add(new MemoryShare { Cell = 0, Bytes = 128 << 20 });
        return wanted;
    }

    public void Want(params DesiredPartition[] partitions)
    {
        var desired = new DesiredState { Revision = ++_revision };
        desired.Partitions.Add(partitions);
        Reconciler.Apply(desired).ShouldBeTrue();
    }

    /// <summary>Enough rounds for everything that can happen without time passing.</summary>
    public void Settle()
    {
        for (int i = 0; i < 10; i++)
        {
            Consoles!.Pump([.. Reconciler.Notes]);
            Reconciler.Tick();
        }
    }

    public ObservedPartition Seen(string tenant) => Reconciler.Observe().Partitions.Single(partition => partition.TenantId == tenant);

    public void Dispose()
    {
        Consoles?.Dispose();
        Monitor.Dispose();
        Directory.Delete(_folder, recursive: true);
        Images.Dispose();
    }
}
