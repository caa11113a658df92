namespace Osv.Scheduler;

/// <summary>How a replica of the scheduler behaves. All durations of states run by the clock of the database.</summary>
public sealed class SchedulerOptions
{
    /// <summary>Names this replica in claims and leases; different for every replica and every start.</summary>
    public string Replica { get; set; } = $"{Environment.MachineName}-{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..8]}";

    /// <summary>How long a replica keeps what it claimed; when it dies, others take over after that.</summary>
    public TimeSpan ClaimFor { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How often due rows and differences are looked for without any hint.</summary>
    public TimeSpan Poll { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Most lifecycles in one round.</summary>
    public int Batch { get; set; } = 256;

    /// <summary>After this the inventory of the nodes is read anew, though nothing hinted that it changed.</summary>
    public TimeSpan InventoryFor { get; set; } = TimeSpan.FromMinutes(1);

    public PlacingOptions Placing { get; set; } = new();

    public TenantOptions Tenants { get; set; } = new();

    public NodeOptions Nodes { get; set; } = new();

    public MaintenanceOptions Maintenance { get; set; } = new();

    public MessagingOptions Messaging { get; set; } = new();
}

/// <summary>How places are looked for.</summary>
public sealed class PlacingOptions
{
    /// <summary>How long an agent may take from the placement until it begins to load.</summary>
    public TimeSpan LoadWithin { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a new search for a place may take before it counts as stalled.</summary>
    public TimeSpan PlaceWithin { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Times that a tenant is planned anew in one round after every candidate met a conflict.</summary>
    public int Replans { get; set; } = 3;

    /// <summary>Wait after the first refusal; each further one waits half as long again as the tenant has waited already.</summary>
    public TimeSpan FirstBackOff { get; set; } = TimeSpan.FromSeconds(1);

    public TimeSpan LongestBackOff { get; set; } = TimeSpan.FromMinutes(1);
}

/// <summary>How the lifecycles of tenants are driven.</summary>
public sealed class TenantOptions
{
    public TimeSpan LoadingWithin { get; set; } = TimeSpan.FromMinutes(10);

    public TimeSpan StartingWithin { get; set; } = TimeSpan.FromMinutes(5);

    public TimeSpan StoppingWithin { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a node may stay away before its tenants count as stalled.</summary>
    public TimeSpan UnreachableWithin { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a hung tenant may take to recover before it is rebooted.</summary>
    public TimeSpan HungFor { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Wait before the first restart; doubles with every crash within <see cref="CrashWindow"/>.</summary>
    public TimeSpan FirstRestart { get; set; } = TimeSpan.FromSeconds(1);

    public TimeSpan LongestRestart { get; set; } = TimeSpan.FromMinutes(5);

    public TimeSpan CrashWindow { get; set; } = TimeSpan.FromHours(1);

    /// <summary>The crash within <see cref="CrashWindow"/> with which a tenant is given up.</summary>
    public int MostCrashes { get; set; } = 10;

    /// <summary>How soon a tenant in transition is looked at again without a hint.</summary>
    public TimeSpan LookAgain { get; set; } = TimeSpan.FromSeconds(5);
}

/// <summary>How the lifecycles of nodes are driven.</summary>
public sealed class NodeOptions
{
    /// <summary>Added to a node's lease before its tenants count as stopped: the agent needs time to stop them, and clocks differ.</summary>
    public TimeSpan FenceGrace { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a node without any heartbeat counts as present.</summary>
    public TimeSpan FirstHeartbeatWithin { get; set; } = TimeSpan.FromMinutes(1);

    public TimeSpan ApprovalWithin { get; set; } = TimeSpan.FromDays(7);

    public TimeSpan DrainWithin { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>How soon a draining node is looked at again.</summary>
    public TimeSpan LookAgain { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Tenants of one node that are moved at the same time.</summary>
    public int MovesAtOnce { get; set; } = 4;

    /// <summary>Tenants whose start failed on a node within <see cref="FailureMemory"/> with which the node is quarantined.</summary>
    public int QuarantineAfter { get; set; } = 5;

    public TimeSpan FailureMemory { get; set; } = TimeSpan.FromMinutes(30);
}

/// <summary>Periodic work.</summary>
public sealed class MaintenanceOptions
{
    /// <summary>False: this replica runs no Hangfire server.</summary>
    public bool Enabled { get; set; } = true;

    public TimeSpan KeepLogs { get; set; } = TimeSpan.FromDays(14);

    public TimeSpan KeepExplanations { get; set; } = TimeSpan.FromDays(7);

    /// <summary>Contents that no image names are kept so long: an upload stores the content before the image.</summary>
    public TimeSpan KeepContents { get; set; } = TimeSpan.FromHours(1);

    /// <summary>An outbox message older than this is given up: it was only a hint.</summary>
    public TimeSpan KeepMessages { get; set; } = TimeSpan.FromDays(1);
}

/// <summary>The bus that carries hints between replicas.</summary>
public sealed class MessagingOptions
{
    /// <summary>As amqp://user:password@host/vhost; null: within this process only.</summary>
    public Uri? RabbitMq { get; set; }
}
