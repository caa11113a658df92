using Microsoft.EntityFrameworkCore;
using Osv.Data.Logs;
using Osv.Data.Nodes;

namespace Osv.Data.Tests;

/// <summary>Console lines, exit samples and heartbeats: written in bulk, once, and dropped by the day.</summary>
public sealed class LogTests(DatabaseFixture fixture) : IClassFixture<DatabaseFixture>, IAsyncLifetime
{
    private static readonly DateTimeOffset Noon = new(2030, 3, 5, 12, 0, 0, TimeSpan.Zero);

    private static readonly DateOnly Day = new(2030, 3, 5);

    private Guid _tenant;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _tenant = (await fixture.Seed.TenantsAsync(await fixture.Seed.ProjectAsync(Guid.NewGuid().ToString()), 1))[0];

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Samples_that_arrive_twice_are_stored_once()
    {
        ExitSample[] samples = [new() { TenantId = _tenant, At = Noon, ExitReason = "icr", Total = 7 }, new() { TenantId = _tenant, At = Noon, ExitReason = "npf", Total = 0 }];
        (await SampleWriter.AppendAsync(fixture.Database.Source, samples, Cancel)).ShouldBe(2);
        (await SampleWriter.AppendAsync(fixture.Database.Source, samples, Cancel)).ShouldBe(0);
    }

    [Fact]
    public async Task Lines_of_an_unprepared_day_move_into_its_partition_and_go_with_it()
    {
        await LinesAsync((1, Noon.AddDays(40)), (2, Noon.AddDays(41)));
        (await PartitionsAsync()).ShouldBe(["console_lines_default", "console_lines_default"]);
        IReadOnlyList<string> made = await DailyPartitions.EnsureAsync(fixture.Database.Source, Day.AddDays(40), 2, Cancel);
        made.ShouldBe(["console_chunks_20300414", "console_chunks_20300415", "console_lines_20300414", "console_lines_20300415", "exit_samples_20300414", "exit_samples_20300415", "agent_log_lines_20300414", "agent_log_lines_20300415"]);
        (await PartitionsAsync()).ShouldBe(["console_lines_20300414", "console_lines_20300415"]);
        (await DailyPartitions.EnsureAsync(fixture.Database.Source, Day.AddDays(40), 2, Cancel)).ShouldBeEmpty();
        IReadOnlyList<string> dropped = await DailyPartitions.DropBeforeAsync(fixture.Database.Source, Day.AddDays(41), Cancel);
        dropped.ShouldContain("console_lines_20300414");
        dropped.ShouldNotContain("console_lines_20300415");
        (await PartitionsAsync()).ShouldBe(["console_lines_20300415"]);
    }

    [Fact]
    public async Task Retention_also_clears_days_without_a_partition()
    {
        await LinesAsync((1, Noon.AddYears(-10)), (2, Noon.AddYears(10)));
        await DailyPartitions.DropBeforeAsync(fixture.Database.Source, Day.AddYears(-9), Cancel);
        (await fixture.Database.ListAsync<long>("SELECT sequence FROM console_lines WHERE tenant_id = $1", _tenant)).ShouldBe([2L]);
    }

    [Fact]
    public async Task Partitions_are_made_once_by_many_at_the_same_time()
    {
        IReadOnlyList<string>[] made = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => DailyPartitions.EnsureAsync(fixture.Database.Source, Day.AddYears(50), 2, Cancel)));
        made.SelectMany(names => names).Count().ShouldBe(8);
    }

    [Fact]
    public async Task The_log_of_a_deleted_tenant_goes_with_it()
    {
        await LinesAsync((1, Noon));
        await fixture.Database.ExecuteAsync("DELETE FROM tenants WHERE id = $1", _tenant);
        (await fixture.Database.QueryAsync<long>("SELECT count(*) FROM console_lines WHERE tenant_id = $1", _tenant)).ShouldBe(0);
    }

    [Fact]
    public async Task Heartbeats_of_a_fleet_are_one_statement_that_never_goes_back_in_time()
    {
        Guid[] nodes = await fixture.Seed.NodesAsync(3, new(), Guid.NewGuid().ToString());
        (await Heartbeats.WriteAsync(fixture.Database.Source, [Beat(nodes[0], 1), Beat(nodes[1], 5), Beat(nodes[1], 4), Beat(Guid.NewGuid(), 1)], Cancel)).ShouldBe(2);
        (await Heartbeats.WriteAsync(fixture.Database.Source, [Beat(nodes[0], 2), Beat(nodes[1], 3), Beat(nodes[2], 1)], Cancel)).ShouldBe(2);
        (await fixture.Database.ListAsync<long>("SELECT sequence FROM node_heartbeats WHERE node_id = ANY ($1) ORDER BY array_position($1, node_id)", nodes)).ShouldBe([2L, 5L, 1L]);

        NodeHeartbeat Beat(Guid node, int second) => new() { NodeId = node, Sequence = second, ReceivedAt = Noon.AddSeconds(second), LeaseExpiresAt = Noon.AddSeconds(second + 30) };
    }

    private async Task LinesAsync(params (long Sequence, DateTimeOffset At)[] lines)
    {
        foreach ((long sequence, DateTimeOffset at) in lines) await fixture.Database.ExecuteAsync("INSERT INTO console_lines (tenant_id, sequence, at, text) VALUES ($1, $2, $3, 'text')", _tenant, sequence, at);
    }

    private Task<IReadOnlyList<string>> PartitionsAsync() =>
        fixture.Database.ListAsync<string>("SELECT tableoid::regclass::text FROM console_lines WHERE tenant_id = $1 ORDER BY sequence", _tenant);
}
