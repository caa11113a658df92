using Osv.Agent.Images;
using Osv.Agent.Node;
using Osv.Agent.Notes;
using Osv.Agent.Session;
using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;
using Osv.ControlPlaneDouble;
using Osv.Netboot;

namespace Osv.Agent.Tests;

/// <summary>A whole agent in this process: simulated monitor, real TLS and gRPC to a control plane on loopback.</summary>
internal sealed class LiveAgent : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly BootMachine s_machine = new("52:54:00:00:00:01", "SERIAL 1", "0f9be0a1-0000-4000-8000-000000000001");
    private readonly NodePaths _paths = new(Directory.CreateTempSubdirectory("osv-agent").FullName);
    private readonly string _token;
    private CancellationTokenSource _life = new();
    private Task _running = Task.CompletedTask;
    private List<IDisposable> _parts = [];

    private LiveAgent(ControlPlane plane)
    {
        Plane = plane;
        _token = plane.Registry.IssueToken(s_machine);
    }

    public ControlPlane Plane { get; }
    public SimulatedMonitor Monitor { get; } = new(6, 1024);
    public NodeRecord Node => Plane.Registry.Nodes.Single();
    public StringWriter Log { get; } = new();

    /// <summary>Of the node.</summary>
    public ShiftedTime Time { get; } = new();

    public static async Task<LiveAgent> StartAsync(Action<Registry>? prepare = null)
    {
        ControlPlane plane = await ControlPlane.StartAsync();
        prepare?.Invoke(plane.Registry);
        var agent = new LiveAgent(plane);
        agent.Begin();
        return agent;
    }

    public Task UntilAsync(Func<bool> condition, string what) => Plane.Registry.WaitAsync(condition, Patience, what);

    public Task ConnectedAsync() => UntilAsync(() => Plane.Registry.Nodes is [{ Connected: true, Inventory: not null }], "the agent to connect");

    public BootOptions Options(string? token = null) => BootOptions.Parse(
        $"quiet osv.control={Plane.Control.GetLeftPart(UriPartial.Authority)} osv.authority={new Uri(Plane.Http, BootScript.AuthorityPath)} osv.ca={Plane.Authority.RootHash} osv.token={token ?? _token} "
        + $"osv.mac={s_machine.Mac} osv.serial={Uri.EscapeDataString(s_machine.Serial)} osv.uuid={s_machine.Uuid}\n");

    private void Begin()
    {
        TimeProvider time = Time;
        var log = new AgentLog(time, TextWriter.Synchronized(Log));
        Osv.Agent.Partitions.ControlDevice device = Monitor.Open();
        var notes = new NodeNotes(new NoteStore(() => device.Notes, ControlLayout.MaxPartitions));
        var http = new HttpClient();
        var images = new ImageCache(_paths.Images, http, time, log, 256 << 20);
        var agent = new NodeAgent(device, notes, images, _paths, time, log);
        _parts = [agent, images, http];
        CancellationToken life = _life.Token;
        _running = Task.WhenAll(agent.RunAsync(life), TalkAsync());

        async Task TalkAsync()
        {
            try
            {
                var enroller = new Enroller(Options(), notes, time, log);
                var identity = new IdentityHolder(await enroller.EnrolAsync(life), enroller, time);
                agent.Identity = identity;
                agent.Session = new SessionClient(Options().Control, identity, agent, time, log);
                await agent.Session.RunAsync(life);
            }
            catch (OperationCanceledException) when (life.IsCancellationRequested)
            {
                // Killed.
            }
        }
    }

    /// <summary>The process is gone; its folder in memory and the monitor are not.</summary>
    public async Task KillAsync()
    {
        await _life.CancelAsync();
        await _running;
        foreach (IDisposable part in _parts) part.Dispose();
        _parts = [];
        _life.Dispose();
        _life = new CancellationTokenSource();
    }

    public async Task RestartAsync()
    {
        await KillAsync();
        Begin();
    }

    /// <summary>The management Linux with everything in its memory is gone too.</summary>
    public async Task LoseMemoryAsync()
    {
        await KillAsync();
        Directory.Delete(_paths.Root, recursive: true);
        Begin();
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
            Image = new Image { Name = "test", Kernel = Plane.AddImage(FakeImages.Kernel()) },
        };
        wanted.ApicIds.Add(cores);
        wanted.Memory.Add(new MemoryShare { Cell = 0, Bytes = 64 << 20 });
        return wanted;
    }

    public async Task RunningAsync(string tenant) => await UntilAsync(() => Node.Partition(tenant)?.Phase == PartitionPhase.Running, $"{tenant} to run");

    public int PartitionOf(string tenant) => (int)Node.Partition(tenant)!.Partition;

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        await Plane.DisposeAsync();
        Monitor.Dispose();
        _life.Dispose();
        if (Directory.Exists(_paths.Root)) Directory.Delete(_paths.Root, recursive: true);
        TestContext.Current.TestOutputHelper?.WriteLine(Log.ToString());
    }
}
