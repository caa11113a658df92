using System.Collections.Immutable;
using System.Text.Json;
using Npgsql;
using Osv.Data.Jobs;
using Osv.Data.Tenants;
using Osv.Placement;
using Osv.Placement.Requests;

namespace Osv.Scheduler.Fleets;

/// <summary>What a tenant asks of the planner.</summary>
/// <param name="Id">Of the tenant.</param>
/// <param name="Name">For people.</param>
/// <param name="CoreCount">Hardware threads; <see cref="Request"/> counts physical cores.</param>
/// <param name="JobId">The placement job that it is a replica of.</param>
/// <param name="Gang">The job wants all replicas at once or none.</param>
/// <param name="Request">For nodes with one thread per core.</param>
public sealed record TenantRequest(Guid Id, string Name, int CoreCount, Guid? JobId, bool Gang, PlacementRequest Request)
{
    /// <summary>Of the request that it follows from; null: none.</summary>
    public string? TraceParent { get; init; }

    public const string NicClass = "NIC", DiskClass = "disk";

    /// <summary>Label of a tenant that is never moved.</summary>
    public const string PinnedLabel = "pinned";

    /// <summary>The request for nodes with so many threads per core; null where the tenant's threads are no whole number of cores.</summary>
    public PlacementRequest? For(int threadsPerCore) => CoreCount % threadsPerCore == 0 ? Request with { Cores = CoreCount / threadsPerCore } : null;

    private const string Sql =
        """
        SELECT t.id, t.name, t.project_id, t.core_count, t.memory_bytes, t.nic_count, t.disk_count, t.priority, t.labels::text,
            j.id, coalesce(j.gang, false), j.specification::text,
            ARRAY(SELECT g.name || chr(10) || g.rule || chr(10) || g.scope FROM placement_group_members m JOIN placement_groups g ON g.id = m.group_id WHERE m.tenant_id = t.id ORDER BY g.name),
            (SELECT d.trace_parent FROM tenant_desired d WHERE d.tenant_id = t.id),
            (SELECT k.size_bytes + coalesce(r.size_bytes, 0) FROM images i JOIN contents k ON k.sha256 = i.kernel_sha256 LEFT JOIN contents r ON r.sha256 = i.initrd_sha256 WHERE i.id = t.image_id)
        FROM tenants t LEFT JOIN job_replicas r ON r.tenant_id = t.id LEFT JOIN placement_jobs j ON j.id = r.job_id
        WHERE t.id
        """;

    /// <summary>Reads the requests of tenants that exist.</summary>
    public static async Task<Dictionary<Guid, TenantRequest>> ReadAsync(NpgsqlConnection connection, IReadOnlyCollection<Guid> tenants, CancellationToken cancel)
    {
        var requests = new Dictionary<Guid, TenantRequest>(tenants.Count);
        if (tenants.Count > 0) await FleetQuery.RunAsync(connection, [Query(requests, FleetQuery.AnyOf)], () => FleetQuery.Parameter(tenants), cancel);
        return requests;
    }

    /// <param name="into">Requests by id of the tenant.</param>
    /// <param name="which">Condition on the id.</param>
    internal static FleetQuery Query(Dictionary<Guid, TenantRequest> into, string which) => new($"{Sql} {which}", row => into[row.GetGuid(0)] = Read(row));

    private static TenantRequest Read(NpgsqlDataReader row)
    {
        JobConstraints constraints = row.IsDBNull(11) ? new JobConstraints() : JobSpecification.Parse(row.GetString(11)).Constraints;
        (string Name, GroupRule Rule, GroupScope Scope)[] groups =
            [.. row.GetFieldValue<string[]>(12).Select(group => group.Split('\n')).Select(part => (part[0], Enum.Parse<GroupRule>(part[1]), Enum.Parse<GroupScope>(part[2])))];
        Dictionary<string, string> labels = JsonSerializer.Deserialize<Dictionary<string, string>>(row.GetString(8))!;
        int nics = row.GetInt32(5), disks = row.GetInt32(6), priority = row.GetInt32(7);
        var devices = new List<DeviceRequest>();
        if (nics > 0) devices.Add(new DeviceRequest(NicClass, nics));
        if (disks > 0) devices.Add(new DeviceRequest(DiskClass, disks));
        var request = new PlacementRequest
        {
            Tenant = row.GetGuid(0).ToString(),
            Project = row.GetGuid(2).ToString(),
            Cores = row.GetInt32(3),
            MemoryUnits = PartitionLimits.UnitsOf((ulong)row.GetInt64(4)),
            ImageBytes = row.GetInt64(14),
            Devices = [.. devices],
            Numa = constraints.Numa == NumaRule.OneCell ? NumaPolicy.OneCell : NumaPolicy.FewestCells,
            Strategy = constraints.Strategy == PlacementStrategy.Spread ? Strategy.Spread : Strategy.Pack,
            Groups = [.. groups.Select(group => group.Name).Union(constraints.Groups, StringComparer.Ordinal)],
            Affinity =
            [
                .. groups.Select(group => new AffinityRule(group.Name, Topology(group.Scope), group.Rule == GroupRule.AntiAffinity, Required: true))
                    .Union(constraints.Affinity.Select(rule => new AffinityRule(rule.Group, Topology(rule.Scope), rule.Rule == GroupRule.AntiAffinity, rule.Required))),
            ],
            Labels = [.. constraints.Labels.OrderBy(label => label.Key, StringComparer.Ordinal).Select(label => LabelRule.Is(label.Key, label.Value))],
            Priority = priority,
            // Without a job there is nobody to say so: who was given a priority is meant to use it.
            MayPreempt = constraints.MayPreempt || (row.IsDBNull(9) && priority > 0),
            Pinned = labels.GetValueOrDefault(PinnedLabel) == "true",
        };
        return new TenantRequest(row.GetGuid(0), row.GetString(1), row.GetInt32(3), row.IsDBNull(9) ? null : row.GetGuid(9), row.GetBoolean(10), request) { TraceParent = row.IsDBNull(13) ? null : row.GetString(13) };
    }

    private static Topology Topology(GroupScope scope) => scope switch
    {
        GroupScope.Node => Placement.Requests.Topology.Node,
        GroupScope.Rack => Placement.Requests.Topology.Rack,
        GroupScope.PowerDomain => Placement.Requests.Topology.Power,
        _ => throw new ArgumentOutOfRangeException(nameof(scope), scope, "no such scope"),
    };
}
