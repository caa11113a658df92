using Npgsql;
using Osv.Database.Testing;

namespace Osv.Data.Tests;

/// <summary>Usage follows from the allocations and cannot drift; a quota holds whoever writes.</summary>
public sealed class QuotaTests(DatabaseFixture fixture) : IClassFixture<DatabaseFixture>, IAsyncLifetime
{
    private readonly BuggyScheduler _buggy = new(fixture.Database);
    private Guid _project, _node, _first, _second;

    public async ValueTask InitializeAsync()
    {
        string name = Guid.NewGuid().ToString();
        _project = await fixture.Seed.ProjectAsync(name);
        _node = (await fixture.Seed.NodesAsync(1, new NodeShape(), name))[0];
        Guid[] tenants = await fixture.Seed.TenantsAsync(_project, 2);
        (_first, _second) = (tenants[0], tenants[1]);
        await _buggy.PlaceAsync(_first, _node);
        await _buggy.SellCoreAsync(_first, _node, 0);
        await _buggy.SellCoreAsync(_first, _node, 1);
        await _buggy.SellMemoryAsync(_first, _node, 0, 8L << 20);
        await _buggy.SellDeviceAsync(_first, _node, NodeShape.Nic(0, 0));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Usage_is_what_is_allocated()
    {
        (await UsageAsync()).ShouldBe("1 2 8388608 1");
        await _buggy.PlaceAsync(_second, _node);
        await _buggy.SellCoreAsync(_second, _node, 2);
        (await UsageAsync()).ShouldBe("2 3 8388608 1");
        await fixture.Database.ExecuteAsync("DELETE FROM placements WHERE tenant_id = $1", _first);
        (await UsageAsync()).ShouldBe("1 1 0 0");
        await fixture.Database.ExecuteAsync("DELETE FROM core_allocations WHERE tenant_id = $1", _second);
        (await UsageAsync()).ShouldBe("1 0 0 0");
    }

    [Theory]
    [InlineData("cores", 2)]
    [InlineData("memory_bytes", 8L << 20)]
    [InlineData("devices", 1)]
    [InlineData("placements", 1)]
    public async Task A_quota_cannot_be_exceeded(string dimension, long quota)
    {
        await fixture.Database.ExecuteAsync($"INSERT INTO project_quotas (project_id, {dimension}) VALUES ($1, $2)", _project, quota);
        Func<Task> more = dimension switch
        {
            "cores" => () => _buggy.SellCoreAsync(_first, _node, 5),
            "memory_bytes" => () => _buggy.SellMemoryAsync(_first, _node, 1L << 30, 2L << 20),
            "devices" => () => _buggy.SellDeviceAsync(_first, _node, NodeShape.Nic(0, 1)),
            _ => () => _buggy.PlaceAsync(_second, _node),
        };
        (await BuggyScheduler.RefusalAsync(more)).ShouldBe("project_quota");
        (await UsageAsync()).ShouldBe("1 2 8388608 1");
        await fixture.Database.ExecuteAsync($"UPDATE project_quotas SET {dimension} = $2 WHERE project_id = $1", _project, quota * 2);
        await more();
    }

    /// <summary>Each connection counts in a share of its own; the quota is one.</summary>
    [Fact]
    public async Task A_quota_holds_between_connections_that_do_not_see_each_other()
    {
        await fixture.Database.ExecuteAsync("INSERT INTO project_quotas (project_id, cores) VALUES ($1, 3)", _project);
        await using NpgsqlConnection first = await fixture.Database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using NpgsqlConnection second = await fixture.Database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using NpgsqlTransaction open = await first.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await SellAsync(first, 5);
        Task late = SellAsync(second, 6);
        while (await fixture.Database.QueryAsync<long>("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = $1", second.ProcessID) == 0) late.IsCompleted.ShouldBeFalse("it waits for the quota");
        await open.CommitAsync(TestContext.Current.CancellationToken);
        (await BuggyScheduler.RefusalAsync(() => late)).ShouldBe("project_quota");
        (await UsageAsync()).ShouldBe("1 3 8388608 1");

        async Task SellAsync(NpgsqlConnection connection, int core)
        {
            await using var command = new NpgsqlCommand("INSERT INTO core_allocations (node_id, apic_id, tenant_id) VALUES ($1, $2, $3)", connection)
            {
                Parameters = { new NpgsqlParameter<Guid> { TypedValue = _node }, new NpgsqlParameter<int> { TypedValue = core }, new NpgsqlParameter<Guid> { TypedValue = _first } },
            };
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task A_quota_below_the_usage_takes_nothing_away()
    {
        await fixture.Database.ExecuteAsync("INSERT INTO project_quotas (project_id, cores) VALUES ($1, 0)", _project);
        await fixture.Database.ExecuteAsync("DELETE FROM core_allocations WHERE tenant_id = $1 AND apic_id = 1", _first);
        (await UsageAsync()).ShouldBe("1 1 8388608 1");
        (await BuggyScheduler.RefusalAsync(() => _buggy.SellCoreAsync(_first, _node, 1))).ShouldBe("project_quota");
    }

    [Theory]
    [InlineData("UPDATE project_usage_shares SET cores = 0")]
    [InlineData("DELETE FROM project_usage_shares")]
    public async Task Usage_cannot_be_written(string sql) => (await BuggyScheduler.RefusalAsync(() => fixture.Database.ExecuteAsync(sql))).ShouldBe("written_by_triggers_alone");

    [Fact]
    public async Task A_tenant_cannot_leave_its_usage_behind_in_another_project()
    {
        Guid other = await fixture.Seed.ProjectAsync(Guid.NewGuid().ToString());
        (await BuggyScheduler.RefusalAsync(() => fixture.Database.ExecuteAsync("UPDATE tenants SET project_id = $2 WHERE id = $1", _first, other))).ShouldBe("row_never_changes");
    }

    private Task<string> UsageAsync() =>
        fixture.Database.QueryAsync<string>("SELECT concat_ws(' ', placements, cores, memory_bytes, devices) FROM project_usages WHERE project_id = $1", _project);
}
