namespace Osv.Web.Access;

/// <summary>What a token can be made for.</summary>
public static class Scopes
{
    public const string All = "*";
    public const string AccessRead = "access:read";
    public const string AccessWrite = "access:write";
    public const string AuditRead = "audit:read";
    public const string CapacityRead = "capacity:read";
    public const string EventsRead = "events:read";
    public const string ImagesRead = "images:read";
    public const string ImagesWrite = "images:write";
    public const string JobsRead = "jobs:read";
    public const string JobsWrite = "jobs:write";
    public const string MetricsRead = "metrics:read";
    public const string NodesRead = "nodes:read";
    public const string NodesWrite = "nodes:write";
    public const string ProjectsRead = "projects:read";
    public const string ProjectsWrite = "projects:write";
    public const string TenantsRead = "tenants:read";
    public const string TenantsWrite = "tenants:write";

    public static IReadOnlyList<string> Known { get; } =
    [
        All, AccessRead, AccessWrite, AuditRead, CapacityRead, EventsRead, ImagesRead, ImagesWrite, JobsRead, JobsWrite, MetricsRead, NodesRead, NodesWrite,
        ProjectsRead, ProjectsWrite, TenantsRead, TenantsWrite,
    ];
}
