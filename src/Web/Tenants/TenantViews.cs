using System.Globalization;
using System.Text;
using FluentValidation;
using Osv.Data.Lifecycles;
using Osv.Data.Tenants;
using Osv.Web.Hosting;

namespace Osv.Web.Tenants;

/// <param name="Node">Where it has its place; null: nowhere.</param>
/// <param name="Cores">APIC ids of the cores it owns.</param>
/// <param name="CoreCount">How many it asked for.</param>
/// <param name="MemoryBytes">What it asked for, and owns when placed.</param>
/// <param name="Devices">PCI addresses, on its node, of the functions it owns.</param>
/// <param name="Restarts">Since the owner last started it.</param>
/// <param name="LastTransition">When it came into its state.</param>
/// <param name="Reason">Why it is in its state.</param>
/// <param name="Owner">Who must move it on.</param>
/// <param name="Deadline">By when; null in steady states.</param>
/// <param name="Stalled">The deadline has passed.</param>
public sealed record TenantView(
    Guid Id, string Name, string Project, Guid ProjectId, TenantState State, TenantIntent Intent, string? Node, IReadOnlyList<int> Cores, int CoreCount, long MemoryBytes, int Nics, int Disks, IReadOnlyList<string> Devices,
    int Restarts, DateTimeOffset LastTransition, string Reason, string Owner, DateTimeOffset? Deadline, bool Stalled,
    string Image, RestartPolicy Restart, int Priority, bool RunsOnWithoutLease, IReadOnlyDictionary<string, string> Labels, DateTimeOffset CreatedAt);

/// <summary>What the agent saw last.</summary>
public sealed record ObservationView(string PartitionState, int PartitionNumber, string? EndCause, DateTimeOffset ObservedAt);

public sealed record TenantHealthView(string Source, string Summary, bool PreventsStateChanges, bool SuppressesAlerts, DateTimeOffset ObservedAt);

/// <param name="From">Null for the first.</param>
public sealed record TransitionView(string? From, string To, string Reason, string Owner, DateTimeOffset At, DateTimeOffset? Deadline);

/// <param name="Transitions">Oldest first.</param>
public sealed record TenantTimeline(IReadOnlyList<TransitionView> Transitions, ObservationView? Observed, IReadOnlyList<TenantHealthView> Health);

/// <param name="Since">When the tenant came into Running; null: not running.</param>
/// <param name="At">Time of the last reading; null: none yet.</param>
/// <param name="Exits">Count by exit reason since the tenant's start.</param>
/// <param name="PerSecond">Rate by exit reason between the last two readings of this start; a reason that there are no two of is missing.</param>
public sealed record ExitCounts(string Tenant, DateTimeOffset? Since, DateTimeOffset? At, long Total, IReadOnlyDictionary<string, long> Exits, IReadOnlyDictionary<string, double> PerSecond);

/// <summary>Readings over time: for each time a value of each reason, in order; null where it was not read.</summary>
public sealed record ExitHistory(IReadOnlyList<DateTimeOffset> At, IReadOnlyDictionary<string, IReadOnlyList<long?>> Exits);

/// <param name="Image">Name or id.</param>
/// <param name="Cores">Whole cores.</param>
/// <param name="MemoryBytes">A multiple of 2 MiB.</param>
/// <param name="UserData">A script or cloud-config for cloud-init, or whatever its image acts on; not shown again.</param>
/// <param name="Start">False: it is made and stays stopped.</param>
public sealed record CreateTenant(
    string Name, string Image, int Cores, long MemoryBytes, int Nics = 0, int Disks = 0, RestartPolicy Restart = RestartPolicy.Always, int Priority = 0, bool RunsOnWithoutLease = false,
    string? SshKey = null, string? UserData = null, Dictionary<string, string>? Labels = null, string? Project = null, bool Start = true) : IRequestBody;

public sealed class CreateTenantValidator : AbstractValidator<CreateTenant>
{
    /// <summary>The monitor's table of partitions holds so many cores for one.</summary>
    public const int MostCores = 1024;

    public const long MemoryUnit = 2 << 20, LeastMemory = 64L << 20, MostMemory = 64L << 40;

    public CreateTenantValidator()
    {
        RuleFor(tenant => tenant.Name).IsName();
        RuleFor(tenant => tenant.Image).NotEmpty().WithMessage("name an image: 'osv image list' shows those there are");
        RuleFor(tenant => tenant.Cores).InclusiveBetween(1, MostCores).WithMessage("{PropertyValue} cores: use {From} to {To}");
        RuleFor(tenant => tenant.MemoryBytes).InclusiveBetween(LeastMemory, MostMemory).WithMessage("{PropertyValue} bytes of memory: use {From} to {To}")
            .Must(bytes => bytes % MemoryUnit == 0).WithMessage($"{{PropertyValue}} bytes of memory: use a multiple of {MemoryUnit} (2 MiB)");
        RuleFor(tenant => tenant.Nics).InclusiveBetween(0, 16).WithMessage("{PropertyValue} NICs: use {From} to {To}");
        RuleFor(tenant => tenant.Disks).InclusiveBetween(0, 16).WithMessage("{PropertyValue} disks: use {From} to {To}");
        RuleFor(tenant => tenant.Priority).InclusiveBetween(-1000, 1000).WithMessage("priority {PropertyValue}: use {From} to {To}");
        RuleFor(tenant => tenant.SshKey).MaximumLength(4096).WithMessage("the SSH key has {TotalLength} characters: use at most {MaxLength}")
            .Matches("^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\r\n]*)?\n?$").When(tenant => !string.IsNullOrEmpty(tenant.SshKey)).WithMessage("the SSH key is no public key in one line, as in id_ed25519.pub");
        RuleFor(tenant => tenant.UserData).Custom((data, context) =>
        {
            if (string.IsNullOrEmpty(data)) return;
            int bytes = Encoding.UTF8.GetByteCount(data);
            if (bytes > TenantUserData.MostBytes) context.AddFailure($"the user data has {bytes} bytes: use at most {TenantUserData.MostBytes}");
            int strange = data.AsSpan().IndexOfAnyInRange('\0', '\x08');
            if (strange >= 0) context.AddFailure(string.Create(CultureInfo.InvariantCulture, $"the user data is not text: character {strange} is 0x{(int)data[strange]:x2}; encode what is binary, as in base64"));
        });
        RuleFor(tenant => tenant.Labels).AreLabels();
    }
}
