using System.Text.Json.Serialization;
using FluentValidation;
using Osv.Data.Lifecycles;
using Osv.Data.Nodes;
using Osv.Web.Capacity;
using Osv.Web.Hosting;
using Osv.Web.Tenants;

namespace Osv.Web.Nodes;

/// <param name="Approved">An operator, or its registration beforehand, let it into the fleet.</param>
/// <param name="Cores">That can be sold, in all.</param>
/// <param name="MemoryBytes">That can be sold, in all.</param>
/// <param name="BootStep">The step its last boot stands at; null: never booted.</param>
public record NodeView(
    Guid Id, string Name, string SerialNumber, NodeState State, string Reason, string Owner, DateTimeOffset LastTransition, DateTimeOffset? Deadline, bool Stalled, bool Approved, NodeIntent? Intent,
    string Rack, string PowerDomain, IReadOnlyDictionary<string, string> Labels, int Cores, int FreeCores, long MemoryBytes, long FreeMemoryBytes, int Tenants,
    DateTimeOffset? LastHeartbeat, string? BootStep, string? BootMac, string? MonitorVersion, string? AgentVersion, DateTimeOffset RegisteredAt, bool PreventsPlacement);

/// <param name="Tenant">Who owns it; null: nobody.</param>
public sealed record CoreView(int ApicId, int Cell, int CacheDomain, int PhysicalCore, bool Reserved, string? Tenant);

public sealed record CellView(int Number, IReadOnlyList<CoreView> Cores, long MemoryBytes, long FreeMemoryBytes);

public sealed record DeviceView(string PciAddress, DeviceKind Kind, string Id, int? Cell, long? CapacityBytes, bool Reserved, string? Tenant);

public sealed record PartitionView(string Tenant, string Project, TenantState State, int Cores, long MemoryBytes, int? PartitionNumber, string? PartitionState, DateTimeOffset PlacedAt, long Exits);

public sealed record NodeHealthView(string Source, string Summary, bool PreventsPlacement, bool PreventsStateChanges, bool SuppressesAlerts, DateTimeOffset ObservedAt);

/// <summary>A node with everything in it; in JSON beside the names of <see cref="NodeView"/>.</summary>
/// <param name="LargestInOneCell">Largest tenants that would fit into one of its NUMA cells now; none where it takes no tenant.</param>
/// <param name="LargestOnNode">Largest tenants that would fit on it now.</param>
public sealed record NodeDetail(
    [property: JsonIgnore] NodeView Summary, IReadOnlyList<CellView> Cells, IReadOnlyList<DeviceView> Devices, IReadOnlyList<PartitionView> Partitions, IReadOnlyList<NodeHealthView> Health,
    IReadOnlyList<Shape> LargestInOneCell, IReadOnlyList<Shape> LargestOnNode)
    : NodeView(Summary);

public sealed record BootStepView(BootStepKind Step, BootStepState State, DateTimeOffset StartedAt, DateTimeOffset? FinishedAt, DateTimeOffset Deadline, bool Stalled, string Detail);

public sealed record BootView(Guid Id, DateTimeOffset StartedAt, IReadOnlyList<BootStepView> Steps);

/// <param name="Transitions">Oldest first.</param>
/// <param name="Boots">Newest first.</param>
public sealed record NodeTimeline(IReadOnlyList<TransitionView> Transitions, IReadOnlyList<BootView> Boots);

/// <summary>A node that is to be let in without a question when it first boots.</summary>
/// <param name="SerialNumber">SMBIOS system serial number.</param>
public sealed record RegisterNode(string Name, string SerialNumber, string Rack = "", string PowerDomain = "", Dictionary<string, string>? Labels = null) : IRequestBody;

internal sealed class RegisterNodeValidator : AbstractValidator<RegisterNode>
{
    public RegisterNodeValidator()
    {
        RuleFor(node => node.Name).IsName();
        RuleFor(node => node.SerialNumber).NotEmpty().WithMessage("give the SMBIOS serial number: 'dmidecode -s system-serial-number' shows it")
            .MaximumLength(128).WithMessage("the serial number has {TotalLength} characters: use at most {MaxLength}");
        RuleFor(node => node.Rack).MaximumLength(63).WithMessage("the rack has {TotalLength} characters: use at most {MaxLength}");
        RuleFor(node => node.PowerDomain).MaximumLength(63).WithMessage("the power domain has {TotalLength} characters: use at most {MaxLength}");
        RuleFor(node => node.Labels).AreLabels();
    }
}

/// <summary>What a monitor recorded.</summary>
/// <param name="Number">Within one boot of the node.</param>
/// <param name="Tenant">Null: of the management partition, or of a tenant that is gone.</param>
/// <param name="Rip">Instruction pointer, hexadecimal.</param>
public sealed record PartitionEventView(long Number, string Kind, string Cause, DateTimeOffset At, string? Tenant, int PartitionNumber, int ApicId, string Rip);

/// <summary>A line of a node's agent.</summary>
public sealed record AgentLogLineView(DateTimeOffset At, string Level, string Category, string Message);

/// <summary>What draining a node would do now. Nothing is begun while anything blocks.</summary>
/// <param name="Moves">Tenants that have another place, in the order in which they would leave.</param>
/// <param name="Blockers">Tenants that cannot leave.</param>
/// <param name="Leaving">Tenants among them all that are stopping already.</param>
public sealed record DrainPreview(IReadOnlyList<DrainMove> Moves, IReadOnlyList<DrainObstacle> Blockers, int Leaving);

/// <param name="To">Node that would take it.</param>
public sealed record DrainMove(Guid TenantId, string Tenant, string Project, string To);

/// <param name="Reason">Why it cannot leave, and what would help.</param>
public sealed record DrainObstacle(Guid TenantId, string Tenant, string Project, string Reason);
