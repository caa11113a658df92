using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Tenants;
using Osv.Web.Hosting;

namespace Osv.Web.Tenants;

/// <summary>A tenant with all rows that its view is made of.</summary>
internal sealed class TenantRow
{
    public required Tenant Tenant { get; init; }

    public required TenantDesired Desired { get; init; }

    public required TenantLifecycle Lifecycle { get; init; }

    public required string Project { get; init; }

    public required string Image { get; init; }

    public string? Node { get; init; }

    /// <summary>Null: none, as below.</summary>
    public int[]? Cores { get; init; }

    public string[]? Devices { get; init; }

    public string Tag => ETags.Of(Tenant.RowVersion, Desired.RowVersion, Lifecycle.RowVersion);

    public TenantView View(DateTimeOffset now) => new(
        Tenant.Id, Tenant.Name, Project, Tenant.ProjectId, Lifecycle.State, Desired.Intent, Node, Cores ?? [], Tenant.CoreCount, Tenant.MemoryBytes, Tenant.NicCount, Tenant.DiskCount, Devices ?? [],
        Lifecycle.Restarts, Lifecycle.EnteredAt, Lifecycle.Reason, Lifecycle.Owner, Lifecycle.DeadlineAt, Lifecycle.DeadlineAt < now,
        Image, Tenant.RestartPolicy, Tenant.Priority, Tenant.RunsOnWithoutLease, Tenant.Labels, Tenant.CreatedAt);

    /// <summary>One row each: what a tenant owns comes as arrays, for a join would repeat the tenant for every core and device.</summary>
    private static readonly Expression<Func<OsvDbContext, IQueryable<Tenant>, IQueryable<TenantRow>>> s_rows = (data, tenants) =>
        from tenant in tenants
        join desired in data.TenantDesired on tenant.Id equals desired.TenantId
        join lifecycle in data.TenantLifecycles on tenant.Id equals lifecycle.TenantId
        join project in data.Projects on tenant.ProjectId equals project.Id
        join image in data.Images on tenant.ImageId equals image.Id
        select new TenantRow
        {
            Tenant = tenant,
            Desired = desired,
            Lifecycle = lifecycle,
            Project = project.Name,
            Image = image.Name,
            Node = data.Placements.Where(place => place.TenantId == tenant.Id).Join(data.Nodes, place => place.NodeId, node => node.Id, (_, node) => node.Name).FirstOrDefault(),
            Cores = data.CoreAllocations.Where(core => core.TenantId == tenant.Id).GroupBy(core => core.TenantId)
                .Select(own => EF.Functions.ArrayAgg(own.OrderBy(core => core.ApicId).Select(core => core.ApicId))).FirstOrDefault(),
            Devices = data.DeviceAllocations.Where(device => device.TenantId == tenant.Id).GroupBy(device => device.TenantId)
                .Select(own => EF.Functions.ArrayAgg(own.OrderBy(device => device.PciAddress).Select(device => device.PciAddress))).FirstOrDefault(),
        };

    private static readonly Func<OsvDbContext, Guid, IAsyncEnumerable<TenantRow>> s_one = CompiledRows.Of(s_rows, (OsvDbContext data, Guid id) => data.Tenants.Where(tenant => tenant.Id == id));

    private static readonly Func<OsvDbContext, List<Guid>, IAsyncEnumerable<TenantRow>> s_many = CompiledRows.Of(s_rows, (OsvDbContext data, List<Guid> ids) => data.Tenants.AsNoTracking().Where(tenant => ids.Contains(tenant.Id)));

    /// <summary>To be looked at or changed.</summary>
    public static ValueTask<TenantRow?> FindAsync(OsvDbContext data, Guid id, CancellationToken cancel) => s_one(data, id).SingleOrDefaultAsync(cancel);

    /// <summary>To be looked at, by id; without those that are not there.</summary>
    public static ValueTask<Dictionary<Guid, TenantRow>> ReadAsync(OsvDbContext data, List<Guid> ids, CancellationToken cancel) => s_many(data, ids).ToDictionaryAsync(row => row.Tenant.Id, cancellationToken: cancel);
}
