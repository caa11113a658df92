using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Images;
using Osv.Data.Lifecycles;
using Osv.Data.Projects;
using Osv.Data.Tenants;
using Osv.Web.Access;
using Osv.Web.Audit;
using Osv.Web.Hosting;
using Osv.Web.Images;
using Osv.Web.Projects;

namespace Osv.Web.Tenants;

/// <summary>Writes what owners want of their tenants; the scheduler makes it so.</summary>
public sealed class TenantCommands(IDbContextFactory<OsvDbContext> contexts, TenantQueries queries, ImageCatalog images, ImageFit fit, ProjectLookup projects, AuditTrail audit, TimeProvider time)
{
    /// <summary>How long a new tenant may wait for its first placement attempt before it counts as stalled.</summary>
    private static readonly TimeSpan PlacementPatience = TimeSpan.FromMinutes(1);

    public async Task<TenantView> CreateAsync(Caller caller, CreateTenant request, CancellationToken cancel)
    {
        new CreateTenantValidator().Check(request);
        using Activity? span = WebTraces.Source.StartActivity("tenant.create");
        Project project = await projects.FindAsync(caller, request.Project, ProjectRole.Member, cancel);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Image image = await images.FindAsync(data, caller, request.Image, project.Name, cancel);
        await fit.CheckAsync(image, request.MemoryBytes, cancel);
        await CheckQuotaAsync(data, project, request, cancel);
        DateTimeOffset now = time.GetUtcNow();
        var tenant = new Tenant
        {
            Id = Guid.CreateVersion7(), ProjectId = project.Id, Name = request.Name, ImageId = image.Id, CoreCount = request.Cores, MemoryBytes = request.MemoryBytes,
            NicCount = request.Nics, DiskCount = request.Disks, RestartPolicy = request.Restart, Priority = request.Priority, RunsOnWithoutLease = request.RunsOnWithoutLease,
            SshKey = string.IsNullOrWhiteSpace(request.SshKey) ? null : request.SshKey.Trim(), Labels = request.Labels ?? [], CreatedAt = now,
        };
        data.Tenants.Add(tenant);
        if (!string.IsNullOrEmpty(request.UserData)) data.TenantUserData.Add(new TenantUserData { TenantId = tenant.Id, Content = request.UserData });
        data.TenantDesired.Add(new TenantDesired { TenantId = tenant.Id, Intent = request.Start ? TenantIntent.Run : TenantIntent.Stop, ChangedBy = caller.Actor, ChangedAt = now, TraceParent = Activity.Current?.Id });
        data.TenantLifecycles.Add(new TenantLifecycle
        {
            TenantId = tenant.Id, State = TenantState.Pending, Reason = "waits for its first placement", Owner = "scheduler", DeadlineAt = now + PlacementPatience, DueAt = now,
        });
        var detail = new { tenant.Id, image = image.Name, request.Cores, request.MemoryBytes, request.Nics, request.Disks };
        await audit.SaveAsync(data, caller.Actor, "tenant.create", tenant.Name, project.Id, detail, cancel);
        return (await queries.ShowAsync(caller, tenant.Id.ToString(), null, cancel)).View;
    }

    public Task<TenantView> StartAsync(Caller caller, string tenant, string? project, string? ifMatch, CancellationToken cancel) =>
        ChangeAsync(caller, tenant, project, ifMatch, "tenant.start", row =>
        {
            RequireKept(row, "started");
            row.Desired.Intent = TenantIntent.Run;
        }, cancel);

    public Task<TenantView> StopAsync(Caller caller, string tenant, string? project, string? ifMatch, CancellationToken cancel) =>
        ChangeAsync(caller, tenant, project, ifMatch, "tenant.stop", row =>
        {
            RequireKept(row, "stopped");
            row.Desired.Intent = TenantIntent.Stop;
        }, cancel);

    public Task<TenantView> RebootAsync(Caller caller, string tenant, string? project, string? ifMatch, CancellationToken cancel) =>
        ChangeAsync(caller, tenant, project, ifMatch, "tenant.reboot", row =>
        {
            RequireKept(row, "rebooted");
            if (row.Desired.Intent != TenantIntent.Run || row.Node is null) throw RefusalException.Conflict($"tenant '{row.Tenant.Name}' is {row.Lifecycle.State}, so there is nothing to reboot: start it instead");
            row.Desired.Reboots++;
        }, cancel);

    public Task<TenantView> DeleteAsync(Caller caller, string tenant, string? project, string? ifMatch, CancellationToken cancel) =>
        ChangeAsync(caller, tenant, project, ifMatch, "tenant.delete", row => row.Desired.Intent = TenantIntent.Delete, cancel);

    private Task<TenantView> ChangeAsync(Caller caller, string tenant, string? project, string? ifMatch, string action, Action<TenantRow> change, CancellationToken cancel) =>
        ETags.ChangeAsync(ifMatch, () => ChangeOnceAsync(caller, tenant, project, ifMatch, action, change, cancel));

    private async Task<TenantView> ChangeOnceAsync(Caller caller, string tenant, string? project, string? ifMatch, string action, Action<TenantRow> change, CancellationToken cancel)
    {
        using Activity? span = WebTraces.Source.StartActivity(action);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        TenantRow row = await queries.FindAsync(data, caller, tenant, project, cancel, ProjectRole.Member);
        ETags.Check(ifMatch, row.Tag);
        change(row);
        DateTimeOffset now = time.GetUtcNow();
        (row.Desired.ChangedBy, row.Desired.ChangedAt, row.Desired.TraceParent) = (caller.Actor, now, Activity.Current?.Id);
        Guid id = row.Tenant.Id;
        await audit.SaveAsync(data, caller.Actor, action, row.Tenant.Name, row.Tenant.ProjectId, new { id }, cancel, async () =>
        {
            await data.SaveChangesAsync(cancel);
            // Tells the scheduler to look now; of its columns only this one is touched.
            await data.TenantLifecycles.Where(lifecycle => lifecycle.TenantId == id && (lifecycle.DueAt == null || lifecycle.DueAt > now))
                .ExecuteUpdateAsync(set => set.SetProperty(lifecycle => lifecycle.DueAt, now), cancel);
        });
        return (await queries.ShowAsync(caller, id.ToString(), null, cancel)).View;
    }

    private static void RequireKept(TenantRow row, string what)
    {
        if (row.Desired.Intent == TenantIntent.Delete) throw RefusalException.Conflict($"tenant '{row.Tenant.Name}' is being deleted and cannot be {what}: create a new one");
    }

    /// <summary>Refuses what no waiting could make possible. What only has to wait for others to leave is Pending instead; the commit of a placement holds the quota exactly.</summary>
    private static async Task CheckQuotaAsync(OsvDbContext data, Project project, CreateTenant request, CancellationToken cancel)
    {
        ProjectQuota? quota = await data.ProjectQuotas.AsNoTracking().SingleOrDefaultAsync(row => row.ProjectId == project.Id, cancel);
        Check("cores", request.Cores, quota?.Cores);
        Check("bytes of memory", request.MemoryBytes, quota?.MemoryBytes);
        Check("devices", request.Nics + request.Disks, quota?.Devices);
        Check("placements", 1, quota?.Placements);

        void Check(string dimension, long asked, long? most)
        {
            if (asked > most) throw RefusalException.Conflict($"project '{project.Name}' may own {most} {dimension} in all and this asks for {asked}: ask for less, or an administrator for a larger quota");
        }
    }
}
