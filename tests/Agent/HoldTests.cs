using Osv.Contracts.Node;

namespace Osv.Agent.Tests;

/// <summary>Tenants that may not be started yet.</summary>
public sealed class HoldTests : IDisposable
{
    private const string Reason = "its network is being set up";
    private readonly Bench _bench = new();

    public void Dispose() => _bench.Dispose();

    private DesiredPartition Tenant(string hold, ulong generation = 1)
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.Hold = hold;
        wanted.StartGeneration = generation;
        return wanted;
    }

    [Fact]
    public void A_tenant_that_is_held_gets_its_partition_says_why_it_waits_and_starts_when_it_may()
    {
        _bench.Want(Tenant(Reason));
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Loading);
        _bench.Seen("a").Reason.ShouldBe(Reason);
        _bench.Monitor.Existing.ShouldBe(1);
        _bench.Want(Tenant(string.Empty));
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
    }

    [Fact]
    public void A_tenant_that_runs_goes_on_and_is_not_started_again_while_it_is_held()
    {
        _bench.Want(Tenant(string.Empty));
        _bench.Settle();
        _bench.Want(Tenant(Reason));
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
        _bench.Seen("a").Restarts.ShouldBe(0u);
        _bench.Want(Tenant(Reason, generation: 2));
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Loading, "a reboot is a start");
        _bench.Want(Tenant(string.Empty, generation: 2));
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
    }
}
