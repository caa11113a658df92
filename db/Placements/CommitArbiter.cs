using Osv.Data.Lifecycles;
using Osv.Data.Nodes;
using Osv.Data.Tenants;

namespace Osv.Data.Placements;

/// <summary>
/// Judges the plans of a batch in order against what the database says. Pure. An accepted plan is entered into the facts,
/// so that the next one is judged as if it came after. The constraints of the schema stand behind every verdict.
/// </summary>
public static class CommitArbiter
{
    /// <summary>Null: the plan may be asked about. It contradicts itself otherwise, and must not get near the database.</summary>
    public static Refused? CheckForm(PlacementPlan plan)
    {
        if (plan.ApicIds.Count == 0) return new Refused(CommitConflict.Malformed, "the plan names no core");
        var cores = new HashSet<int>();
        foreach (int id in plan.ApicIds)
        {
            if (id < 0) return new Refused(CommitConflict.Malformed, $"APIC id {id} is negative");
            if (!cores.Add(id)) return new Refused(CommitConflict.Malformed, $"APIC id {id} is named twice");
        }
        if (plan.Memory.Count == 0) return new Refused(CommitConflict.Malformed, "the plan names no memory");
        long end = 0;
        foreach (MemoryStretch memory in plan.Memory.OrderBy(memory => memory.StartAddress))
        {
            bool whole = memory.StartAddress >= 0 && memory.SizeBytes > 0 && memory.StartAddress % Conventions.MemoryUnitBytes == 0 && memory.SizeBytes % Conventions.MemoryUnitBytes == 0
                && memory.SizeBytes <= long.MaxValue - memory.StartAddress;
            if (!whole) return new Refused(CommitConflict.Malformed, $"{memory.SizeBytes} bytes at 0x{memory.StartAddress:x} are not whole units of 2 MiB");
            if (memory.StartAddress < end) return new Refused(CommitConflict.Malformed, $"memory at 0x{memory.StartAddress:x} is named twice");
            end = memory.EndAddress;
        }
        var devices = new HashSet<string>(StringComparer.Ordinal);
        return plan.PciAddresses.FirstOrDefault(address => !devices.Add(address)) is { } twice ? new Refused(CommitConflict.Malformed, $"device {twice} is named twice") : null;
    }

    /// <summary>Null: the plan holds, and is entered into <paramref name="facts"/>.</summary>
    public static Refused? Judge(PlacementPlan plan, CommitFacts facts)
    {
        if (!facts.Tenants.TryGetValue(plan.TenantId, out TenantFacts? tenant)) return new Refused(CommitConflict.TenantNotPending, $"tenant {plan.TenantId} does not exist");
        if (tenant.State != TenantState.Pending) return new Refused(CommitConflict.TenantNotPending, $"tenant {plan.TenantId} is {tenant.State}");
        if (!facts.Nodes.TryGetValue(plan.NodeId, out NodeFacts? node)) return new Refused(CommitConflict.NodeNotReady, $"node {plan.NodeId} does not exist");
        if (node.State != NodeState.Ready) return new Refused(CommitConflict.NodeNotReady, $"{node.Name} is {node.State}");
        if (node.Unhealthy is { } report) return new Refused(CommitConflict.NodeUnhealthy, $"{node.Name}: {report}");
        Refused? refused = CheckCores(plan, node, facts) ?? CheckMemory(plan, node) ?? CheckDevices(plan, node, facts) ?? CheckShape(plan, tenant, facts)
            ?? CheckQuota(plan, facts.Projects[tenant.ProjectId]) ?? CheckGroups(tenant, node, facts);
        if (refused is null) Enter(plan, tenant, node, facts);
        return refused;
    }

    private static Refused? CheckCores(PlacementPlan plan, NodeFacts node, CommitFacts facts)
    {
        var threads = new Dictionary<int, (int Wanted, int Present)>();
        foreach (int id in plan.ApicIds)
        {
            if (!facts.Cores.TryGetValue((plan.NodeId, id), out CoreFacts? core) || core.Reserved) return new Refused(CommitConflict.NotOffered, $"{node.Name} does not offer core {id}");
            if (core.Owner is { } owner) return new Refused(CommitConflict.CoreTaken, $"core {id} of {node.Name} belongs to tenant {owner}");
            threads[core.PhysicalCore] = (threads.GetValueOrDefault(core.PhysicalCore).Wanted + 1, core.ThreadsPerCore);
        }
        foreach ((int physical, (int wanted, int present)) in threads)
        {
            if (wanted != present) return new Refused(CommitConflict.CoreSplit, $"physical core {physical} of {node.Name} has {present} threads, the plan takes {wanted}");
        }
        return null;
    }

    private static Refused? CheckMemory(PlacementPlan plan, NodeFacts node)
    {
        foreach (MemoryStretch memory in plan.Memory)
        {
            if (!node.Blocks.Exists(block => block.Contains(memory))) return new Refused(CommitConflict.NotOffered, $"no block of {node.Name} holds {memory.SizeBytes} bytes at 0x{memory.StartAddress:x}");
            foreach ((MemoryStretch sold, Guid owner) in node.Sold)
            {
                if (sold.Overlaps(memory)) return new Refused(CommitConflict.MemoryTaken, $"memory of {node.Name} at 0x{Math.Max(sold.StartAddress, memory.StartAddress):x} belongs to tenant {owner}");
            }
        }
        return null;
    }

    private static Refused? CheckDevices(PlacementPlan plan, NodeFacts node, CommitFacts facts)
    {
        foreach (string address in plan.PciAddresses)
        {
            if (!facts.Devices.TryGetValue((plan.NodeId, address), out DeviceFacts? device) || device.Reserved) return new Refused(CommitConflict.NotOffered, $"{node.Name} does not offer device {address}");
            if (device.Owner is { } owner) return new Refused(CommitConflict.DeviceTaken, $"device {address} of {node.Name} belongs to tenant {owner}");
        }
        return null;
    }

    private static Refused? CheckShape(PlacementPlan plan, TenantFacts tenant, CommitFacts facts)
    {
        long memoryBytes = plan.Memory.Sum(memory => memory.SizeBytes);
        int nics = plan.PciAddresses.Count(address => facts.Devices[(plan.NodeId, address)].Kind == DeviceKind.Nic);
        int disks = plan.PciAddresses.Count(address => facts.Devices[(plan.NodeId, address)].Kind == DeviceKind.Disk);
        return plan.ApicIds.Count != tenant.CoreCount ? Changed("cores", plan.ApicIds.Count, tenant.CoreCount)
            : memoryBytes != tenant.MemoryBytes ? Changed("bytes of memory", memoryBytes, tenant.MemoryBytes)
            : nics != tenant.NicCount ? Changed("NICs", nics, tenant.NicCount)
            : disks != tenant.DiskCount ? Changed("disks", disks, tenant.DiskCount)
            : null;

        Refused Changed(string dimension, long given, long asked) => new(CommitConflict.ShapeChanged, $"the plan gives {given} {dimension}, tenant {plan.TenantId} asks for {asked}");
    }

    private static Refused? CheckQuota(PlacementPlan plan, ProjectFacts project)
    {
        return Exceeds("placements", project.Placements, 1, project.PlacementsQuota)
            ?? Exceeds("cores", project.Cores, plan.ApicIds.Count, project.CoresQuota)
            ?? Exceeds("bytes of memory", project.MemoryBytes, plan.Memory.Sum(memory => memory.SizeBytes), project.MemoryBytesQuota)
            ?? Exceeds("devices", project.Devices, plan.PciAddresses.Count, project.DevicesQuota);

        // Asking for none of a thing is allowed even where a lowered quota is exceeded already.
        static Refused? Exceeds(string dimension, long used, long more, long? quota) =>
            more > 0 && quota is { } most && used + more > most ? new Refused(CommitConflict.QuotaExceeded, $"{used} {dimension} in use and {more} more exceed the project's quota of {most}") : null;
    }

    private static Refused? CheckGroups(TenantFacts tenant, NodeFacts node, CommitFacts facts)
    {
        foreach (GroupFacts group in tenant.Groups)
        {
            if (!facts.GroupDomains.TryGetValue(group.GroupId, out List<string>? domains)) continue;
            string domain = node.Domain(group.Scope);
            if (group.Rule == GroupRule.AntiAffinity && domains.Contains(domain))
            {
                return new Refused(CommitConflict.AntiAffinity, $"another member of group {group.Name} is in {group.Scope} {Shown(group, node, domain)}");
            }
            if (group.Rule == GroupRule.Affinity && domains.Exists(other => other != domain))
            {
                return new Refused(CommitConflict.Affinity, $"the members of group {group.Name} are in another {group.Scope} than {Shown(group, node, domain)}");
            }
        }
        return null;
    }

    private static string Shown(GroupFacts group, NodeFacts node, string domain) => group.Scope == GroupScope.Node ? node.Name : $"'{domain}'";

    private static void Enter(PlacementPlan plan, TenantFacts tenant, NodeFacts node, CommitFacts facts)
    {
        facts.Tenants[plan.TenantId] = tenant with { State = TenantState.Placed };
        foreach (int id in plan.ApicIds) facts.Cores[(plan.NodeId, id)].Owner = plan.TenantId;
        foreach (MemoryStretch memory in plan.Memory) node.Sold.Add((memory, plan.TenantId));
        foreach (string address in plan.PciAddresses) facts.Devices[(plan.NodeId, address)].Owner = plan.TenantId;
        ProjectFacts project = facts.Projects[tenant.ProjectId];
        project.Placements++;
        project.Cores += plan.ApicIds.Count;
        project.MemoryBytes += plan.Memory.Sum(memory => memory.SizeBytes);
        project.Devices += plan.PciAddresses.Count;
        foreach (GroupFacts group in tenant.Groups)
        {
            if (!facts.GroupDomains.TryGetValue(group.GroupId, out List<string>? domains)) facts.GroupDomains[group.GroupId] = domains = [];
            domains.Add(node.Domain(group.Scope));
        }
    }
}
