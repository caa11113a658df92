using Microsoft.Extensions.Logging;
using Osv.Data.Jobs;
using Osv.Data.Lifecycles;
using Osv.Data.Placements;

namespace Osv.Scheduler.Hosting;

internal static partial class SchedulerLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "A round of {Loop} failed and is tried again")]
    public static partial void RoundFailed(this ILogger log, string loop, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The {Kind} {Id} could not be reconciled now and is tried again")]
    public static partial void ReconcileFailed(this ILogger log, string kind, Guid id, Exception error);

    [LoggerMessage(Level = LogLevel.Information, Message = "Tenant {Tenant} is {State}: {Reason}")]
    public static partial void TenantMoved(this ILogger log, Guid tenant, TenantState state, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {Node} is {State}: {Reason}")]
    public static partial void NodeMoved(this ILogger log, string node, NodeState state, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Tenant {Tenant} was deleted")]
    public static partial void TenantDeleted(this ILogger log, Guid tenant);

    [LoggerMessage(Level = LogLevel.Error, Message = "Node {Node} is left out of planning: {Problem}")]
    public static partial void NodeLeftOut(this ILogger log, string node, string problem);

    [LoggerMessage(Level = LogLevel.Information, Message = "Tenant {Tenant} is placed on {Node} with fence {Fence}")]
    public static partial void TenantPlaced(this ILogger log, Guid tenant, string node, long fence);

    [LoggerMessage(Level = LogLevel.Debug, Message = "The plan for tenant {Tenant} on {Node} met {Conflict}: {Detail}")]
    public static partial void PlanRefused(this ILogger log, Guid tenant, string node, CommitConflict conflict, string detail);

    [LoggerMessage(Level = LogLevel.Information, Message = "Placement job {Job} is {State}: {Reason}")]
    public static partial void JobMoved(this ILogger log, string job, JobState state, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Outbox message {Id} of type {Type} could not be published")]
    public static partial void PublishFailed(this ILogger log, long id, string type, Exception error);

    [LoggerMessage(Level = LogLevel.Information, Message = "Maintenance {Work}: {Result}")]
    public static partial void Maintained(this ILogger log, string work, string result);
}
