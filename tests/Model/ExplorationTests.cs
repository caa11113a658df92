using Osv.Model.Explorer;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Osv.Model;

/// <summary>Every state of a small node; the figures are printed.</summary>
public sealed class ExplorationTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_state_of_two_tenants_on_four_cores_and_six_pages_is_safe_and_every_operation_ends() =>
        Explore(new Configuration(Cores: 4, Pages: 6, ManagementCores: 1, TenantPages: 2, LongExtents: false, Siblings: false, EntryReset: true, Workers: 2), atLeast: 1_000_000);

    [Fact]
    public void Every_state_with_partition_0_on_two_cores_is_safe_and_every_operation_ends() =>
        Explore(new Configuration(Cores: 3, Pages: 3, ManagementCores: 2, TenantPages: 1, LongExtents: false, Siblings: false, EntryReset: true, Workers: 2), atLeast: 10_000);

    [Fact]
    public void Every_state_with_pairs_of_sibling_threads_is_safe_and_every_operation_ends() =>
        Explore(new Configuration(Cores: 4, Pages: 2, ManagementCores: 2, TenantPages: 1, LongExtents: false, Siblings: true, EntryReset: true, Workers: 2) { NamedTenants = true }, atLeast: 10_000);

    [Fact]
    public void Every_state_with_extents_of_one_and_two_pages_at_every_place_is_safe_and_every_operation_ends() =>
        Explore(new Configuration(Cores: 3, Pages: 4, ManagementCores: 1, TenantPages: 4, LongExtents: true, Siblings: false, EntryReset: true, Workers: 2) { NamedTenants = true }, atLeast: 100_000);

    [Fact]
    public void Every_state_with_functions_of_partition_0_and_of_tenants_is_safe_and_every_operation_ends() =>
        Explore(new Configuration(Cores: 3, Pages: 3, ManagementCores: 1, TenantPages: 1, LongExtents: false, Siblings: false, EntryReset: true, Workers: 2, Functions: 2), atLeast: 10_000);

    /// <param name="atLeast">Fewer states mean that the model has lost behaviour.</param>
    private void Explore(Configuration bounds, long atLeast)
    {
        Outcome outcome = new Exploration(bounds).Run();
        output.WriteLine($"{bounds}: {outcome}");
        outcome.Violation.ShouldBeNull(outcome.Trace);
        outcome.States.ShouldBeGreaterThan(atLeast);
    }
}
