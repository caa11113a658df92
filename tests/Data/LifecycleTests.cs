using Npgsql;
using Osv.Data.Lifecycles;

namespace Osv.Data.Tests;

/// <summary>The database knows the same state machines as the code, and keeps to them whoever writes.</summary>
public sealed class LifecycleTests(DatabaseFixture fixture) : IClassFixture<DatabaseFixture>
{
    [Fact]
    public Task Nodes_may_go_exactly_where_the_state_machine_allows() => CheckAllPairsAsync(NodeStates.Machine, async () => (await fixture.Seed.NodesAsync(1, new(), Guid.NewGuid().ToString()))[0]);

    [Fact]
    public async Task Tenants_may_go_exactly_where_the_state_machine_allows()
    {
        Guid project = await fixture.Seed.ProjectAsync("machine");
        await CheckAllPairsAsync(TenantStates.Machine, async () => (await fixture.Seed.TenantsAsync(project, 1))[0]);
    }

    [Fact]
    public async Task A_lifecycle_begins_in_the_initial_state()
    {
        Guid tenant = await TenantAsync();
        await fixture.Database.ExecuteAsync("DELETE FROM tenant_lifecycles WHERE tenant_id = $1", tenant);
        (await BuggyScheduler.RefusalAsync(() => fixture.Database.ExecuteAsync("INSERT INTO tenant_lifecycles (tenant_id, state, reason, owner, restarts) VALUES ($1, 'Running', '', 'agent', 0)", tenant)))
            .ShouldBe("tenant_lifecycle_transition");
    }

    [Fact]
    public async Task A_state_in_which_something_is_awaited_needs_a_deadline()
    {
        Guid tenant = await TenantAsync();
        (await BuggyScheduler.RefusalAsync(() => fixture.Database.ExecuteAsync("UPDATE tenant_lifecycles SET state = 'Placed', deadline_at = NULL WHERE tenant_id = $1", tenant))).ShouldBe("ck_tenant_lifecycles_deadline");
        await fixture.Database.ExecuteAsync("UPDATE tenant_lifecycles SET state = 'Stopped', deadline_at = NULL WHERE tenant_id = $1", tenant);
    }

    [Fact]
    public async Task A_state_needs_an_owner()
    {
        Guid tenant = await TenantAsync();
        (await BuggyScheduler.RefusalAsync(() => fixture.Database.ExecuteAsync("UPDATE tenant_lifecycles SET owner = '' WHERE tenant_id = $1", tenant))).ShouldBe("ck_tenant_lifecycles_owner");
    }

    [Fact]
    public async Task An_unknown_state_is_refused()
    {
        Guid tenant = await TenantAsync();
        (await BuggyScheduler.RefusalAsync(() => fixture.Database.ExecuteAsync("UPDATE tenant_lifecycles SET state = 'Lost' WHERE tenant_id = $1", tenant))).ShouldBe("tenant_lifecycle_transition");
    }

    [Fact]
    public async Task The_timeline_holds_every_change_with_reason_owner_and_deadline()
    {
        Guid tenant = await TenantAsync();
        await fixture.Database.ExecuteAsync("UPDATE tenant_lifecycles SET reason = 'still no room' WHERE tenant_id = $1", tenant);
        await fixture.Database.ExecuteAsync("UPDATE tenant_lifecycles SET state = 'Placed', reason = 'found room', owner = 'agent', deadline_at = '2030-01-01' WHERE tenant_id = $1", tenant);
        await fixture.Database.ExecuteAsync("UPDATE tenant_lifecycles SET state = 'Failed', reason = 'gave up', owner = 'scheduler', deadline_at = NULL WHERE tenant_id = $1", tenant);
        await using OsvDbContext context = fixture.Database.CreateContext();
        var timeline = context.TenantTransitions.Where(line => line.TenantId == tenant).OrderBy(line => line.Id).ToList();
        timeline.Select(line => (line.FromState, line.ToState, line.Reason, line.Owner)).ShouldBe(
        [
            (null, TenantState.Pending, "waits for a place", "scheduler"),
            (TenantState.Pending, TenantState.Placed, "found room", "agent"),
            (TenantState.Placed, TenantState.Failed, "gave up", "scheduler"),
        ]);
        timeline[1].DeadlineAt.ShouldBe(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        context.TenantLifecycles.Single(row => row.TenantId == tenant).EnteredAt.ShouldBe(timeline[2].At);
    }

    [Theory]
    [InlineData("INSERT INTO tenant_transitions (tenant_id, to_state, reason, owner, at) SELECT id, 'Running', '', 'x', now() FROM tenants LIMIT 1")]
    [InlineData("UPDATE node_transitions SET reason = 'never happened'")]
    public async Task A_timeline_is_written_by_the_database_alone(string sql) =>
        (await BuggyScheduler.RefusalAsync(() => fixture.Database.ExecuteAsync(sql))).ShouldBe("written_by_triggers_alone");

    [Fact]
    public async Task A_lifecycle_cannot_become_that_of_another()
    {
        Guid one = await TenantAsync(), other = await TenantAsync();
        await fixture.Database.ExecuteAsync("DELETE FROM tenant_lifecycles WHERE tenant_id = $1", other);
        (await BuggyScheduler.RefusalAsync(() => fixture.Database.ExecuteAsync("UPDATE tenant_lifecycles SET tenant_id = $2 WHERE tenant_id = $1", one, other))).ShouldBe("tenant_lifecycle_transition");
    }

    private async Task<Guid> TenantAsync() => (await fixture.Seed.TenantsAsync(await fixture.Seed.ProjectAsync(Guid.NewGuid().ToString()), 1))[0];

    /// <summary>Tries every pair of states. A row is brought into a state with the trigger switched off, which only the owner of the table can.</summary>
    private async Task CheckAllPairsAsync<TState>(StateMachine<TState> machine, Func<Task<Guid>> create)
        where TState : struct, Enum
    {
        string table = $"{machine.Name}_lifecycles", key = $"{machine.Name}_id";
        Guid id = await create();
        foreach (TState from in Enum.GetValues<TState>())
        {
            foreach (TState to in Enum.GetValues<TState>().Where(to => !to.Equals(from)))
            {
                await fixture.Database.ExecuteAsync($"ALTER TABLE {table} DISABLE TRIGGER guard_update");
                await fixture.Database.ExecuteAsync($"UPDATE {table} SET state = $2, deadline_at = now() WHERE {key} = $1", id, from.ToString());
                await fixture.Database.ExecuteAsync($"ALTER TABLE {table} ENABLE TRIGGER guard_update");
                string? refusal = null;
                try
                {
                    await fixture.Database.ExecuteAsync($"UPDATE {table} SET state = $2 WHERE {key} = $1", id, to.ToString());
                }
                catch (PostgresException error)
                {
                    refusal = error.ConstraintName;
                }
                refusal.ShouldBe(machine.Allows(from, to) ? null : $"{machine.Name}_lifecycle_transition", $"{machine.Name} from {from} to {to}");
            }
        }
    }
}
