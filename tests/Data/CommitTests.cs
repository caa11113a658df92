using Npgsql;
using Osv.Data.Lifecycles;
using Osv.Data.Placements;
using Osv.Database.Testing;

namespace Osv.Data.Tests;

/// <summary>The commit of plans: the only arbiter.</summary>
public sealed class CommitTests(DatabaseFixture fixture) : IClassFixture<DatabaseFixture>, IAsyncLifetime
{
    private readonly CommitCounters _counters = new();
    private Guid _project;
    private Guid[] _nodes = [], _tenants = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private PlacementCommit Commit => new(fixture.Database.Source, _counters);

    public async ValueTask InitializeAsync()
    {
        string name = Guid.NewGuid().ToString();
        _project = await fixture.Seed.ProjectAsync(name);
        _nodes = await fixture.Seed.NodesAsync(3, new NodeShape { ThreadsPerCore = 2 }, name, nodesPerRack: 2);
        _tenants = await fixture.Seed.TenantsAsync(_project, 4);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_plan_is_committed_whole()
    {
        Guid tenant = (await fixture.Seed.TenantsAsync(_project, 1, cores: 2, memoryBytes: 6L << 20, nics: 1, disks: 1))[0];
        PlacementPlan plan = new()
        {
            TenantId = tenant,
            NodeId = _nodes[0],
            ApicIds = [2, 3],
            Memory = [new(NodeShape.MemoryStart(0), 2L << 20), new(NodeShape.MemoryStart(1), 4L << 20)],
            PciAddresses = [NodeShape.Nic(1, 0), NodeShape.Disk(0, 1)],
        };
        Committed committed = (await CommitOneAsync(plan)).ShouldBeOfType<Committed>();
        await using OsvDbContext context = fixture.Database.CreateContext();
        context.Placements.Single(row => row.TenantId == tenant).ShouldSatisfyAllConditions(row => row.NodeId.ShouldBe(_nodes[0]), row => row.Fence.ShouldBe(committed.Fence));
        context.CoreAllocations.Where(row => row.TenantId == tenant).Select(row => row.ApicId).ToList().ShouldBe([2, 3], ignoreOrder: true);
        context.MemoryAllocations.Where(row => row.TenantId == tenant).ToList().Select(row => new MemoryStretch(row.StartAddress, row.SizeBytes)).ShouldBe(plan.Memory, ignoreOrder: true);
        context.DeviceAllocations.Where(row => row.TenantId == tenant).Select(row => row.PciAddress).ToList().ShouldBe(plan.PciAddresses, ignoreOrder: true);
        context.TenantLifecycles.Single(row => row.TenantId == tenant).ShouldSatisfyAllConditions(
            row => row.State.ShouldBe(TenantState.Placed), row => row.Owner.ShouldBe("agent"), row => row.DeadlineAt.ShouldNotBeNull().ShouldBeGreaterThan(row.EnteredAt));
        (await MessagesAsync(tenant)).ShouldBe([$"tenant.placed {committed.Fence}"]);
    }

    [Fact]
    public async Task A_refused_plan_changes_nothing()
    {
        (await CommitOneAsync(Plan(0, 0, [0, 1]))).ShouldBeOfType<Committed>();
        Refused refused = (await CommitOneAsync(Plan(1, 0, [0, 1], memoryOffset: 1L << 30))).ShouldBeOfType<Refused>();
        refused.Conflict.ShouldBe(CommitConflict.CoreTaken);
        refused.Detail.ShouldContain(_tenants[0].ToString());
        (await fixture.Database.QueryAsync<string>("SELECT state FROM tenant_lifecycles WHERE tenant_id = $1", _tenants[1])).ShouldBe("Pending");
        (await fixture.Database.QueryAsync<long>("SELECT count(*) FROM placements WHERE tenant_id = $1", _tenants[1])).ShouldBe(0);
        (await MessagesAsync(_tenants[1])).ShouldBeEmpty();
        _counters.Conflicts[CommitConflict.CoreTaken].ShouldBe(1);
    }

    [Fact]
    public async Task In_a_batch_the_first_wins_and_the_others_learn_why_not()
    {
        IReadOnlyList<CommitOutcome> outcomes = await Commit.CommitAsync(
        [
            Plan(0, 0, [0, 1]),
            Plan(1, 0, [0, 1], memoryOffset: 1L << 30),
            Plan(2, 0, [2, 3], memoryOffset: 2L << 30),
            Plan(2, 1, [2, 3]),
            Plan(3, 0, [4, 5], memoryOffset: 1L << 20),
        ], Cancel);
        outcomes.Select(Name).ShouldBe(["Committed", "CoreTaken", "Committed", "TenantNotPending", "Malformed"]);
        _counters.Committed.ShouldBe(2);
        _counters.Transactions.ShouldBe(1);
    }

    [Fact]
    public async Task Memory_and_devices_that_are_taken_are_named()
    {
        await CommitOneAsync(Plan(0, 0, [0, 1]));
        Refused memory = (await CommitOneAsync(Plan(1, 0, [2, 3], memoryOffset: 1L << 30))).ShouldBeOfType<Refused>();
        memory.Conflict.ShouldBe(CommitConflict.MemoryTaken);
        memory.Detail.ShouldContain("0x140000000");
        Guid[] withNic = await fixture.Seed.TenantsAsync(_project, 2, nics: 1);
        await CommitOneAsync(FleetSeed.Plan(withNic[0], _nodes[1], [0, 1], 0, 2L << 30, 0, NodeShape.Nic(0, 0)));
        Refused device = (await CommitOneAsync(FleetSeed.Plan(withNic[1], _nodes[1], [2, 3], 2L << 30, 2L << 30, 0, NodeShape.Nic(0, 0)))).ShouldBeOfType<Refused>();
        device.Conflict.ShouldBe(CommitConflict.DeviceTaken);
        device.Detail.ShouldContain(NodeShape.Nic(0, 0));
    }

    [Theory]
    [InlineData("UPDATE node_lifecycles SET state = 'Draining', deadline_at = now() WHERE node_id = $1", CommitConflict.NodeNotReady)]
    [InlineData("INSERT INTO node_health_reports (node_id, source, summary, prevents_placement, prevents_state_changes, suppresses_alerts, observed_at) VALUES ($1, 'memory', 'errors', true, false, false, now())", CommitConflict.NodeUnhealthy)]
    [InlineData("UPDATE node_cores SET reserved = true WHERE node_id = $1 AND apic_id = 1", CommitConflict.NotOffered)]
    [InlineData("DELETE FROM node_memory_blocks WHERE node_id = $1", CommitConflict.NotOffered)]
    public async Task What_changed_at_the_node_since_the_plan_counts(string change, CommitConflict expected)
    {
        await fixture.Database.ExecuteAsync(change, _nodes[0]);
        Name(await CommitOneAsync(Plan(0, 0, [0, 1]))).ShouldBe(expected.ToString());
    }

    [Fact]
    public async Task A_health_report_that_has_expired_prevents_nothing()
    {
        await fixture.Database.ExecuteAsync(
            "INSERT INTO node_health_reports (node_id, source, summary, prevents_placement, prevents_state_changes, suppresses_alerts, observed_at, expires_at) VALUES ($1, 'x', 'x', true, false, false, now(), now() - interval '1 second')", _nodes[0]);
        Name(await CommitOneAsync(Plan(0, 0, [0, 1]))).ShouldBe("Committed");
    }

    [Theory]
    [InlineData("UPDATE tenants SET core_count = 4 WHERE id = $1", CommitConflict.ShapeChanged)]
    [InlineData("UPDATE tenants SET nic_count = 1 WHERE id = $1", CommitConflict.ShapeChanged)]
    [InlineData("UPDATE tenant_lifecycles SET state = 'Stopped' WHERE tenant_id = $1", CommitConflict.TenantNotPending)]
    [InlineData("DELETE FROM tenants WHERE id = $1", CommitConflict.TenantNotPending)]
    [InlineData("INSERT INTO project_quotas (project_id, cores) SELECT project_id, 1 FROM tenants WHERE id = $1", CommitConflict.QuotaExceeded)]
    public async Task What_changed_at_the_tenant_since_the_plan_counts(string change, CommitConflict expected)
    {
        await fixture.Database.ExecuteAsync(change, _tenants[0]);
        Name(await CommitOneAsync(Plan(0, 0, [0, 1]))).ShouldBe(expected.ToString());
    }

    [Fact]
    public async Task Half_of_a_physical_core_is_not_sold() => Name(await CommitOneAsync(Plan(0, 0, [1, 2]))).ShouldBe("CoreSplit");

    [Fact]
    public async Task A_quota_holds_across_a_batch()
    {
        await fixture.Database.ExecuteAsync("INSERT INTO project_quotas (project_id, cores) VALUES ($1, 5)", _project);
        IReadOnlyList<CommitOutcome> outcomes = await Commit.CommitAsync([.. Enumerable.Range(0, 4).Select(i => Plan(i, 0, [i * 2, (i * 2) + 1], (long)i << 31))], Cancel);
        outcomes.Select(Name).ShouldBe(["Committed", "Committed", "QuotaExceeded", "QuotaExceeded"]);
    }

    [Fact]
    public async Task Anti_affinity_holds_in_a_batch_and_across_batches()
    {
        await GroupAsync("AntiAffinity", "Rack");
        // Nodes 0 and 1 share a rack, node 2 has another.
        IReadOnlyList<CommitOutcome> outcomes = await Commit.CommitAsync([Plan(0, 0, [0, 1]), Plan(1, 1, [0, 1]), Plan(2, 2, [0, 1])], Cancel);
        outcomes.Select(Name).ShouldBe(["Committed", "AntiAffinity", "Committed"]);
        Name(await CommitOneAsync(Plan(1, 2, [2, 3], 2L << 30))).ShouldBe("AntiAffinity");
    }

    [Fact]
    public async Task Affinity_holds_in_a_batch_and_across_batches()
    {
        await GroupAsync("Affinity", "Node");
        IReadOnlyList<CommitOutcome> outcomes = await Commit.CommitAsync([Plan(0, 0, [0, 1]), Plan(1, 1, [0, 1]), Plan(2, 0, [2, 3], 2L << 30)], Cancel);
        outcomes.Select(Name).ShouldBe(["Committed", "Affinity", "Committed"]);
        Name(await CommitOneAsync(Plan(1, 2, [0, 1]))).ShouldBe("Affinity");
    }

    [Fact]
    public async Task Racing_planners_never_sell_a_core_twice_and_sell_all_of_them()
    {
        Guid[] tenants = await fixture.Seed.TenantsAsync(_project, 64);
        PlacementCommit commit = Commit;
        await using (var group = new GroupCommit(commit, largestBatch: 8, writers: 4))
        {
            // All want the same eight places; each walks on to the next when it loses one.
            bool[] placed = await Task.WhenAll(tenants.Select(async tenant =>
            {
                for (int place = 0; place < 8; place++)
                {
                    if (await group.CommitAsync(FleetSeed.Plan(tenant, _nodes[2], [place * 2, (place * 2) + 1], (long)place << 31), Cancel) is Committed) return true;
                }
                return false;
            }));
            placed.Count(yes => yes).ShouldBe(8);
        }
        (await fixture.Database.QueryAsync<long>("SELECT count(*) FROM core_allocations WHERE node_id = $1", _nodes[2])).ShouldBe(16);
        _counters.Committed.ShouldBe(8);
        _counters.Conflicts[CommitConflict.CoreTaken].ShouldBe((56 * 8) + (8 * 7 / 2));
    }

    [Fact]
    public async Task Only_a_quota_makes_a_batch_wait_for_others_of_its_project()
    {
        await using NpgsqlConnection other = await fixture.Database.Source.OpenConnectionAsync(Cancel);
        await using (NpgsqlTransaction holding = await other.BeginTransactionAsync(Cancel))
        {
            await LockProjectAsync(other);
            (await CommitOneAsync(Plan(0, 0, [0, 1]))).ShouldBeOfType<Committed>();
        }
        await fixture.Database.ExecuteAsync("INSERT INTO project_quotas (project_id, cores) VALUES ($1, 100)", _project);
        await using NpgsqlTransaction again = await other.BeginTransactionAsync(Cancel);
        await LockProjectAsync(other);
        Task<CommitOutcome> waiting = CommitOneAsync(Plan(1, 1, [0, 1]));
        await WaitUntilBlockedAsync();
        await again.RollbackAsync(Cancel);
        (await waiting).ShouldBeOfType<Committed>();

        async Task LockProjectAsync(NpgsqlConnection connection)
        {
            await using var command = new NpgsqlCommand("SELECT FROM projects WHERE id = $1 FOR NO KEY UPDATE", connection) { Parameters = { new() { Value = _project } } };
            await command.ExecuteNonQueryAsync(Cancel);
        }
    }

    [Fact]
    public async Task A_writer_without_locks_costs_a_retry_and_only_the_plan_it_hits()
    {
        await using NpgsqlConnection buggy = await fixture.Database.Source.OpenConnectionAsync(Cancel);
        await using NpgsqlTransaction uncommitted = await buggy.BeginTransactionAsync(Cancel);
        await using var sell = new NpgsqlCommand(
            """
            INSERT INTO placements (tenant_id, node_id, placed_at) VALUES ($1, $2, now());
            """, buggy) { Parameters = { new() { Value = _tenants[3] }, new() { Value = _nodes[0] } } };
        await sell.ExecuteNonQueryAsync(Cancel);
        await using var core = new NpgsqlCommand("INSERT INTO core_allocations (node_id, apic_id, tenant_id) VALUES ($2, 2, $1)", buggy) { Parameters = { new() { Value = _tenants[3] }, new() { Value = _nodes[0] } } };
        await core.ExecuteNonQueryAsync(Cancel);
        // Without a quota nobody else needs the project's usage row, which the buggy writer holds until it commits.
        Guid[] others = await fixture.Seed.TenantsAsync(await fixture.Seed.ProjectAsync(Guid.NewGuid().ToString()), 2);
        Task<IReadOnlyList<CommitOutcome>> committing = Commit.CommitAsync([FleetSeed.Plan(others[0], _nodes[0], [0, 1]), FleetSeed.Plan(others[1], _nodes[0], [2, 3], 2L << 30)], Cancel);
        await WaitUntilBlockedAsync();
        await uncommitted.CommitAsync(Cancel);
        IReadOnlyList<CommitOutcome> outcomes = await committing;
        outcomes.Select(Name).ShouldBe(["Committed", "CoreTaken"]);
        outcomes[1].ShouldBeOfType<Refused>().Detail.ShouldContain(_tenants[3].ToString());
        _counters.Retries.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task A_released_place_can_be_sold_again_and_gets_a_larger_fence()
    {
        Committed first = (await CommitOneAsync(Plan(0, 0, [0, 1]))).ShouldBeOfType<Committed>();
        await using OsvDbContext context = fixture.Database.CreateContext();
        (await PlacementRelease.ReleaseAsync(context, _tenants[0], first.Fence, TenantState.Pending, "moved", TimeSpan.FromMinutes(5), Cancel)).ShouldBeTrue();
        (await MessagesAsync(_tenants[0])).ShouldBe([$"tenant.placed {first.Fence}", $"tenant.released {first.Fence}"]);
        Committed second = (await CommitOneAsync(Plan(0, 0, [0, 1]))).ShouldBeOfType<Committed>();
        second.Fence.ShouldBeGreaterThan(first.Fence);
        (await PlacementRelease.ReleaseAsync(context, _tenants[0], first.Fence, TenantState.Stopped, "late", TimeSpan.Zero, Cancel)).ShouldBeFalse();
        (await fixture.Database.QueryAsync<string>("SELECT state FROM tenant_lifecycles WHERE tenant_id = $1", _tenants[0])).ShouldBe("Placed");
    }

    [Fact]
    public async Task The_callers_of_a_broken_database_learn_it()
    {
        await using NpgsqlDataSource nowhere = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Timeout=1");
        await using var group = new GroupCommit(new PlacementCommit(nowhere, _counters));
        await Should.ThrowAsync<NpgsqlException>(() => group.CommitAsync(Plan(0, 0, [0, 1]), Cancel));
    }

    private PlacementPlan Plan(int tenant, int node, int[] cores, long memoryOffset = 0) => FleetSeed.Plan(_tenants[tenant], _nodes[node], cores, memoryOffset);

    private async Task<CommitOutcome> CommitOneAsync(PlacementPlan plan) => (await Commit.CommitAsync([plan], Cancel))[0];

    private static string Name(CommitOutcome outcome) => outcome is Refused refused ? refused.Conflict.ToString() : "Committed";

    private Task<IReadOnlyList<string>> MessagesAsync(Guid tenant) =>
        fixture.Database.ListAsync<string>("SELECT message_type || ' ' || (body->>'fence') FROM outbox_messages WHERE body->>'tenantId' = $1 ORDER BY id", tenant.ToString());

    private async Task GroupAsync(string rule, string scope)
    {
        var group = Guid.NewGuid();
        await fixture.Database.ExecuteAsync("INSERT INTO placement_groups (id, project_id, name, rule, scope) VALUES ($1, $2, 'group', $3, $4)", group, _project, rule, scope);
        await fixture.Database.ExecuteAsync("INSERT INTO placement_group_members (group_id, tenant_id) SELECT $1, id FROM unnest($2) id", group, _tenants);
    }

    /// <summary>Returns when a session of this database waits for a lock.</summary>
    private async Task WaitUntilBlockedAsync()
    {
        while (await fixture.Database.QueryAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0) await Task.Yield();
    }
}
