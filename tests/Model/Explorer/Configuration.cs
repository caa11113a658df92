using System;

namespace Osv.Model.Explorer;

/// <summary>The bounds of one exploration.</summary>
/// <param name="Cores">Cores of the node, at most 4.</param>
/// <param name="Pages">Pages of memory that can be handed out, at most 6.</param>
/// <param name="ManagementCores">Cores of partition 0; it has one page.</param>
/// <param name="TenantPages">Most pages a tenant may ask for.</param>
/// <param name="LongExtents">
/// False: an extent is a page, the first free ones are taken, and pages may change names. True: an extent is one page or two, every one is
/// asked for, free or not, and every two of them together (so tenants have up to four pages). They can overlap in part, which is a
/// matter of addresses: pages keep their names.
/// </param>
/// <param name="Siblings">Cores 2n and 2n+1 are SMT siblings; else every core stands alone.</param>
/// <param name="EntryReset">A core's APIC is reset before it enters a guest (monitor/Exits/GuestState.cs, Prepare).</param>
/// <param name="Workers">Threads.</param>
/// <param name="Functions">PCI functions, at most 2: the first is partition 0's, unless <see cref="ManagementFunctions"/> says otherwise, the other a tenant's.</param>
internal sealed record Configuration(int Cores, int Pages, int ManagementCores, int TenantPages, bool LongExtents, bool Siblings, bool EntryReset, int Workers, int Functions = 0)
{
    /// <summary>Tenants 1 and 2 keep their names: then code that does not treat them alike is seen to, at twice the states.</summary>
    public bool NamedTenants { get; init; }

    /// <summary>The first so many functions are partition 0's.</summary>
    public int ManagementFunctions { get; init; } = 1;

    /// <summary>Where the order of pages counts, partition 0 lies among them: an extent can begin below it.</summary>
    public int ManagementPage => LongExtents ? 1 : 0;

    public uint PhysicalCore(int core) => (uint)(Siblings ? core / 2 : core);

    public override string ToString() =>
        $"3 partitions, {Cores} cores{(Siblings ? " (SMT pairs)" : "")}, {Pages} pages, partition 0 on {ManagementCores}, tenants of up to {TenantPages} pages{(LongExtents ? " in extents of up to 2" : "")}{(Functions == 0 ? "" : $", {Functions} PCI functions, {Math.Min(Functions, ManagementFunctions)} of partition 0")}{(NamedTenants ? ", by name" : "")}";
}

/// <summary>What an exploration saw. <c>Violation</c> is null when every property holds in every state.</summary>
/// <param name="States">Distinct states, symmetric ones counted once.</param>
/// <param name="Transitions">Steps taken from them that change the state.</param>
/// <param name="Steps">All steps tried, with refusals and those that change nothing.</param>
internal sealed record Outcome(long States, long Transitions, long Steps, int Depth, TimeSpan Elapsed, long MemoryBytes, string? Violation, string Trace)
{
    public override string ToString() =>
        $"{States:N0} states, {Transitions:N0} transitions, {Steps:N0} steps tried, depth {Depth}, {Elapsed.TotalSeconds:F1} s, {MemoryBytes >> 20:N0} MiB";
}
