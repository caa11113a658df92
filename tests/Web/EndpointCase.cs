namespace Osv.Web.Tests;

/// <summary>The least who may.</summary>
internal enum Least
{
    SignedIn,
    Viewer,
    Member,
    Owner,
    Operator,
    Administrator,
}

/// <summary>A request that is right, for an endpoint: in what it asks {p} is the project, {n} a node without tenants, {u} a new name for each request.</summary>
internal sealed record EndpointCase(string Endpoint, string Method, string Path, Least Least, object? Body = null, bool Multipart = false)
{
    public static readonly object Shape = new { image = "linux", cores = 1, memoryBytes = 1L << 30 };

    public static readonly EndpointCase[] All =
    [
        new("ShowMe", "GET", "/me", Least.SignedIn),
        new("ChangePassword", "POST", "/me/password", Least.SignedIn, new { currentPassword = "wrong", newPassword = "some horse battery" }),
        new("ListTokens", "GET", "/tokens", Least.SignedIn),
        new("CreateToken", "POST", "/tokens", Least.SignedIn, new { name = "t", scopes = new[] { "*" } }),
        new("RevokeToken", "DELETE", "/tokens/{t}", Least.SignedIn),
        new("Antiforgery", "GET", "/session/antiforgery", Least.SignedIn),
        new("ListUsers", "GET", "/users", Least.Administrator),
        new("CreateUser", "POST", "/users", Least.Administrator, new { name = "{u}", password = "correct horse battery" }),
        new("ShowUser", "GET", "/users/admin", Least.Administrator),
        new("UpdateUser", "PATCH", "/users/spare-{p}", Least.Administrator, new { disabled = false }),
        new("ListProjects", "GET", "/projects", Least.SignedIn),
        new("CreateProject", "POST", "/projects", Least.Administrator, new { name = "{u}" }),
        new("ShowProject", "GET", "/projects/{p}", Least.Viewer),
        new("DeleteProject", "DELETE", "/projects/{p}", Least.Administrator),
        new("ShowQuota", "GET", "/projects/{p}/quota", Least.Viewer),
        new("SetQuota", "PUT", "/projects/{p}/quota", Least.Administrator, new { cores = 1000 }),
        new("ListMembers", "GET", "/projects/{p}/members", Least.Viewer),
        new("SetMember", "PUT", "/projects/{p}/members/spare-{p}", Least.Owner, new { role = "Viewer" }),
        new("RemoveMember", "DELETE", "/projects/{p}/members/spare-{p}", Least.Owner),
        new("ListImages", "GET", "/images?project={p}", Least.Viewer),
        new("CreateImage", "POST", "/images", Least.Member, Multipart: true),
        new("ShowImage", "GET", "/images/linux?project={p}", Least.Viewer),
        new("DeleteImage", "DELETE", "/images/linux?project={p}", Least.Member),
        new("ListNodes", "GET", "/nodes", Least.Operator),
        new("RegisterNode", "POST", "/nodes", Least.Operator, new { name = "{u}", serialNumber = "{u}" }),
        new("ShowNode", "GET", "/nodes/{n}", Least.Operator),
        new("ShowNodeTimeline", "GET", "/nodes/{n}/timeline", Least.Operator),
        new("ListNodeEvents", "GET", "/nodes/{n}/events", Least.Operator),
        new("ShowNodeLog", "GET", "/nodes/{n}/log", Least.Operator),
        new("ResetNode", "POST", "/nodes/{n}/reset", Least.Operator),
        new("PowerOffNode", "POST", "/nodes/{n}/power-off", Least.Operator),
        new("ApproveNode", "POST", "/nodes/{n}/approve", Least.Operator),
        new("DrainNode", "POST", "/nodes/{n}/drain", Least.Operator),
        new("UncordonNode", "POST", "/nodes/{n}/uncordon", Least.Operator),
        new("DeleteNode", "DELETE", "/nodes/{n}", Least.Operator),
        new("ListTenants", "GET", "/tenants?project={p}", Least.Viewer),
        new("CreateTenant", "POST", "/tenants", Least.Member, new { name = "{u}", project = "{p}", image = "linux", cores = 1, memoryBytes = 1L << 30 }),
        new("ShowTenant", "GET", "/tenants/subject?project={p}", Least.Viewer),
        new("StartTenant", "POST", "/tenants/subject/start?project={p}", Least.Member),
        new("StopTenant", "POST", "/tenants/subject/stop?project={p}", Least.Member),
        new("RebootTenant", "POST", "/tenants/subject/reboot?project={p}", Least.Member),
        new("DeleteTenant", "DELETE", "/tenants/subject?project={p}", Least.Member),
        new("ShowTenantTimeline", "GET", "/tenants/subject/timeline?project={p}", Least.Viewer),
        new("ShowTenantLog", "GET", "/tenants/subject/log?project={p}", Least.Viewer),
        new("FollowTenantLog", "GET", "/tenants/subject/log/follow?project={p}", Least.Viewer),
        new("ShowTenantConsole", "GET", "/tenants/subject/console?project={p}", Least.Viewer),
        new("TypeIntoTenantConsole", "POST", "/tenants/subject/console?project={p}", Least.Member, new { text = "x" }),
        new("AttachTenantConsole", "GET", "/tenants/subject/console/attach?project={p}", Least.Viewer),
        new("ShowTenantExits", "GET", "/tenants/subject/exits?project={p}", Least.Viewer),
        new("ShowTenantExitHistory", "GET", "/tenants/subject/exits/history?project={p}", Least.Viewer),
        new("ListJobs", "GET", "/jobs?project={p}", Least.Viewer),
        new("SubmitJob", "POST", "/jobs", Least.Member, new { name = "{u}", project = "{p}", template = Shape }),
        new("ShowJob", "GET", "/jobs/batch?project={p}", Least.Viewer),
        new("ExplainJob", "GET", "/jobs/batch/explain?project={p}", Least.Viewer),
        new("SetJobSchedule", "PUT", "/jobs/nightly/schedule?project={p}", Least.Member, new { cron = "0 3 * * *", timeZone = "Europe/Berlin" }),
        new("CancelJob", "POST", "/jobs/batch/cancel?project={p}", Least.Member),
        new("ListAudit", "GET", "/audit", Least.SignedIn),
        new("VerifyAudit", "GET", "/audit/verify", Least.Administrator),
        new("ShowCapacity", "GET", "/capacity", Least.SignedIn),
        new("WatchEvents", "GET", "/events", Least.SignedIn),
        new("Metrics", "GET", "/metrics", Least.Operator),
        new("Maintenance", "GET", "/hangfire", Least.Administrator),
    ];
}
