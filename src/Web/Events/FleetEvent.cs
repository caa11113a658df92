using Osv.Data.Access;
using Osv.Web.Access;

namespace Osv.Web.Events;

/// <summary>Something changed. A hint: whoever misses one reads the truth again when the next arrives.</summary>
/// <param name="Kind">"node", "tenant" for transitions; "act" for what someone did.</param>
/// <param name="Name">Of the node or tenant, or what was acted on.</param>
/// <param name="ProjectId">Null: not about a project.</param>
/// <param name="What">The new state, or the action as in "tenant.create".</param>
/// <param name="Detail">The reason, or who acted.</param>
public sealed record FleetEvent(string Kind, Guid? Id, string Name, Guid? ProjectId, string What, string Detail, DateTimeOffset At)
{
    /// <summary>True where the caller may know.</summary>
    public bool IsFor(Caller caller) => ProjectId is { } project ? caller.RoleIn(project) is not null : caller.Has(SiteRole.Operator);
}
