using Osv.Data.Leases;
using Osv.Data.Lifecycles;
using Osv.Data.Messaging;

namespace Osv.Data.Tests;

/// <summary>Leases, claims of lifecycles and of messages: one holder at a time, and nothing is lost when a holder dies.</summary>
public sealed class LeaseTests(DatabaseFixture fixture) : IClassFixture<DatabaseFixture>
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_lease_has_one_holder()
    {
        Lease mine = (await LeaseStore.AcquireAsync(fixture.Database.Source, "one", "a", Minute, Cancel)).ShouldNotBeNull();
        (await LeaseStore.AcquireAsync(fixture.Database.Source, "one", "b", Minute, Cancel)).ShouldBeNull();
        Lease renewed = (await LeaseStore.AcquireAsync(fixture.Database.Source, "one", "a", Minute, Cancel)).ShouldNotBeNull();
        renewed.Fence.ShouldBe(mine.Fence);
        renewed.ExpiresAt.ShouldBeGreaterThan(mine.ExpiresAt);
    }

    [Fact]
    public async Task Of_many_that_ask_at_once_one_gets_the_lease()
    {
        Lease?[] leases = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => LeaseStore.AcquireAsync(fixture.Database.Source, "race", $"holder-{i}", Minute, Cancel)));
        leases.Count(lease => lease is not null).ShouldBe(1);
    }

    [Fact]
    public async Task An_expired_or_released_lease_goes_to_another_with_a_larger_fence()
    {
        Lease expired = (await LeaseStore.AcquireAsync(fixture.Database.Source, "passed on", "a", TimeSpan.Zero, Cancel)).ShouldNotBeNull();
        Lease next = (await LeaseStore.AcquireAsync(fixture.Database.Source, "passed on", "b", Minute, Cancel)).ShouldNotBeNull();
        next.Fence.ShouldBeGreaterThan(expired.Fence);
        await LeaseStore.ReleaseAsync(fixture.Database.Source, expired, Cancel);
        (await LeaseStore.AcquireAsync(fixture.Database.Source, "passed on", "a", Minute, Cancel)).ShouldBeNull("a former holder cannot release what is another's");
        await LeaseStore.ReleaseAsync(fixture.Database.Source, next, Cancel);
        (await LeaseStore.AcquireAsync(fixture.Database.Source, "passed on", "a", Minute, Cancel)).ShouldNotBeNull().Fence.ShouldBeGreaterThan(next.Fence);
    }

    [Fact]
    public async Task A_holder_that_let_its_lease_expire_gets_a_larger_fence_too()
    {
        Lease lapsed = (await LeaseStore.AcquireAsync(fixture.Database.Source, "lapsed", "a", TimeSpan.Zero, Cancel)).ShouldNotBeNull();
        (await LeaseStore.AcquireAsync(fixture.Database.Source, "lapsed", "a", Minute, Cancel)).ShouldNotBeNull().Fence.ShouldBeGreaterThan(lapsed.Fence);
    }

    [Fact]
    public async Task Reconcilers_share_the_due_tenants_without_overlap()
    {
        Guid[] tenants = await fixture.Seed.TenantsAsync(await fixture.Seed.ProjectAsync("due"), 20);
        Guid[] later = tenants[..5];
        await fixture.Database.ExecuteAsync("UPDATE tenant_lifecycles SET due_at = now() + interval '1 hour' WHERE tenant_id = ANY ($1)", later);
        await fixture.Database.ExecuteAsync("UPDATE tenant_lifecycles SET deadline_at = now() - interval '1 second' WHERE tenant_id = $1", tenants[19]);
        IReadOnlyList<LifecycleClaim<TenantState>>[] claims = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => LifecycleClaims.ClaimTenantsAsync(fixture.Database.Source, $"reconciler-{i}", 10, Minute, Cancel)));
        claims.SelectMany(list => list).Select(claim => claim.Id).ShouldBe(tenants[5..], ignoreOrder: true);
        claims.SelectMany(list => list).Where(claim => claim.Overdue).ShouldHaveSingleItem().Id.ShouldBe(tenants[19]);
        (await LifecycleClaims.ClaimTenantsAsync(fixture.Database.Source, "late", 10, Minute, Cancel)).ShouldBeEmpty();
        await fixture.Database.ExecuteAsync("UPDATE tenant_lifecycles SET claimed_until = now() WHERE tenant_id = $1", tenants[7]);
        (await LifecycleClaims.ClaimTenantsAsync(fixture.Database.Source, "late", 10, Minute, Cancel)).ShouldHaveSingleItem().Id.ShouldBe(tenants[7]);
    }

    [Fact]
    public async Task Nodes_are_claimed_the_longest_due_first()
    {
        Guid[] nodes = await fixture.Seed.NodesAsync(3, new(), "claimed");
        for (int i = 0; i < 3; i++) await fixture.Database.ExecuteAsync("UPDATE node_lifecycles SET due_at = now() - make_interval(secs => $2) WHERE node_id = $1", nodes[i], (double)(10 + i));
        (await LifecycleClaims.ClaimNodesAsync(fixture.Database.Source, "me", 2, Minute, Cancel)).Select(claim => claim.Id).ShouldBe([nodes[2], nodes[1]]);
    }

    [Fact]
    public async Task A_message_exists_only_if_its_change_was_committed()
    {
        await using (OsvDbContext context = fixture.Database.CreateContext())
        {
            await using var transaction = await context.Database.BeginTransactionAsync(Cancel);
            Outbox.Add(context, "rolled.back", "{}", DateTimeOffset.UnixEpoch);
            await context.SaveChangesAsync(Cancel);
            await transaction.RollbackAsync(Cancel);
            Outbox.Add(context, "kept", """{"n":1}""", DateTimeOffset.UnixEpoch);
            context.ChangeTracker.Entries<OutboxMessage>().First(entry => entry.Entity.MessageType == "rolled.back").State = Microsoft.EntityFrameworkCore.EntityState.Detached;
            await context.SaveChangesAsync(Cancel);
        }
        OutboxDelivery message = (await Outbox.ClaimAsync(fixture.Database.Source, "a", 10, Minute, Cancel)).ShouldHaveSingleItem();
        message.MessageType.ShouldBe("kept");
        (await Outbox.ClaimAsync(fixture.Database.Source, "b", 10, Minute, Cancel)).ShouldBeEmpty("it is in hand");
        await fixture.Database.ExecuteAsync("UPDATE outbox_messages SET claimed_until = now()");
        OutboxDelivery again = (await Outbox.ClaimAsync(fixture.Database.Source, "b", 10, Minute, Cancel)).ShouldHaveSingleItem();
        again.ShouldBe(message with { Attempts = 2 });
        (await Outbox.CompleteAsync(fixture.Database.Source, "a", [message.Id], Cancel)).ShouldBe(0, "the first deliverer lost it");
        (await Outbox.CompleteAsync(fixture.Database.Source, "b", [message.Id], Cancel)).ShouldBe(1);
        await fixture.Database.ExecuteAsync("UPDATE outbox_messages SET claimed_until = now()");
        (await Outbox.ClaimAsync(fixture.Database.Source, "b", 10, Minute, Cancel)).ShouldBeEmpty();
    }
}
