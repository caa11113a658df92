using System.Text;
using Osv.Data.Logs;
using Osv.Database.Testing;

namespace Osv.Data.Tests;

/// <summary>Consoles: every byte once, in order, with lines cut from them.</summary>
public sealed class ConsoleTests(DatabaseFixture fixture) : IClassFixture<DatabaseFixture>, IAsyncLifetime
{
    private static readonly DateTimeOffset Noon = new(2030, 3, 5, 12, 0, 0, TimeSpan.Zero);

    private Guid _tenant, _other;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Guid[] tenants = await fixture.Seed.TenantsAsync(await fixture.Seed.ProjectAsync(Guid.NewGuid().ToString()), 2);
        (_tenant, _other) = (tenants[0], tenants[1]);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task What_is_sent_again_is_stored_once_and_the_rest_goes_on()
    {
        (await AppendAsync(Stretch(1, 0, "Linux ver"))).ShouldBe(9);
        (await AppendAsync(Stretch(1, 0, "Linux version 6.1\nCommand"))).ShouldBe(25);
        (await AppendAsync(Stretch(1, 4, "x ver"))).ShouldBeNull("nothing of it is new");
        (await AppendAsync(Stretch(1, 25, " line\n"))).ShouldBe(31);
        (await BytesAsync()).ShouldBe("Linux version 6.1\nCommand line\n");
        (await LinesAsync()).ShouldBe(["Linux version 6.1", "Command line"]);
    }

    [Fact]
    public async Task A_start_begins_a_stream_of_its_own_and_ends_the_line_that_was_open()
    {
        await AppendAsync(Stretch(100, 0, "login: "));
        await AppendAsync(Stretch(200, 0, "Linux\r\n"));
        await AppendAsync(Stretch(100, 0, "login: "));
        (await BytesAsync()).ShouldBe("login: Linux\r\n");
        (await LinesAsync()).ShouldBe(["login: ", "Linux"]);
        (await fixture.Database.ListAsync<long>("SELECT byte_offset FROM console_chunks WHERE tenant_id = $1 ORDER BY position", _tenant)).ShouldBe([0, 0]);
    }

    [Fact]
    public async Task Bytes_that_nobody_could_keep_are_told_once()
    {
        await AppendAsync(Stretch(1, 0, "one\ntw"));
        await AppendAsync(Stretch(1, 500, "three\n", lost: 494));
        await AppendAsync(Stretch(1, 500, "three\n", lost: 494), Stretch(1, 506, "four\n"));
        (await LinesAsync()).ShouldBe(["one", "tw", "[494 bytes of the console are missing here]", "three", "four"]);
        (await fixture.Database.QueryAsync<decimal>("SELECT sum(lost_before) FROM console_chunks WHERE tenant_id = $1", _tenant)).ShouldBe(494);
    }

    [Fact]
    public async Task Characters_and_bytes_of_any_kind_survive_being_cut_anywhere()
    {
        byte[] text = [.. Encoding.UTF8.GetBytes("größer €\n\0\x1b[31mrot\n"), 0xFF, 0xFE, (byte)'\n'];
        for (int i = 0; i < text.Length; i++) await AppendAsync(new ConsoleStretch(_tenant, 1, i, text.AsMemory(i, 1), 0, Noon));
        byte[][] chunks = [.. await fixture.Database.ListAsync<byte[]>("SELECT data FROM console_chunks WHERE tenant_id = $1 ORDER BY position", _tenant)];
        chunks.SelectMany(chunk => chunk).ToArray().ShouldBe(text);
        (await LinesAsync()).ShouldBe(["größer €", "\uFFFD\x1b[31mrot", "\uFFFD\uFFFD"]);
    }

    [Fact]
    public async Task A_line_without_end_and_a_stretch_without_measure_are_cut()
    {
        string flood = new('x', 3 * ConsoleChunk.MostBytes);
        await AppendAsync(Stretch(1, 0, flood));
        (await fixture.Database.QueryAsync<int>("SELECT max(length(data)) FROM console_chunks WHERE tenant_id = $1", _tenant)).ShouldBe(ConsoleChunk.MostBytes);
        (await LinesAsync()).ShouldAllBe(line => line.Length == LineCutter.LongestLine);
        (await BytesAsync()).ShouldBe(flood);
    }

    [Fact]
    public async Task Many_receivers_of_the_same_bytes_store_them_once()
    {
        ConsoleStretch[] pieces = [.. Enumerable.Range(0, 20).Select(i => Stretch(1, i * 6, $"row{i:00}\n"))];
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            foreach (ConsoleStretch[] batch in pieces.Chunk(5)) await ConsoleStore.AppendAsync(fixture.Database.Source, [.. batch, batch[0] with { TenantId = _other }], Cancel);
        }));
        (await LinesAsync()).ShouldBe([.. Enumerable.Range(0, 20).Select(i => $"row{i:00}")]);
    }

    [Fact]
    public async Task A_node_is_told_how_far_the_consoles_of_its_tenants_are_known_and_a_tenant_that_is_gone_harms_nobody()
    {
        Guid[] nodes = await fixture.Seed.NodesAsync(1, new NodeShape(), Guid.NewGuid().ToString());
        await new Osv.Data.Placements.PlacementCommit(fixture.Database.Source, new Osv.Data.Placements.CommitCounters()).CommitAsync([FleetSeed.Plan(_tenant, nodes[0], [0, 1])], Cancel);
        await AppendAsync(Stretch(100, 0, "old"), Stretch(200, 0, "newer"), Stretch(200, 0, "x") with { TenantId = Guid.NewGuid() }, Stretch(1, 0, "elsewhere") with { TenantId = _other });
        IReadOnlyList<ConsoleInstance> positions = await ConsoleStore.PositionsAsync(fixture.Database.Source, nodes[0], Cancel);
        positions.Single().ShouldSatisfyAllConditions(known => known.TenantId.ShouldBe(_tenant), known => known.Instance.ShouldBe(200), known => known.NextOffset.ShouldBe(5));
    }

    private ConsoleStretch Stretch(long instance, long offset, string text, long lost = 0) => new(_tenant, instance, offset, Encoding.UTF8.GetBytes(text), lost, Noon);

    /// <returns>The end of the console; null: it did not grow.</returns>
    private async Task<long?> AppendAsync(params ConsoleStretch[] stretches) =>
        (await ConsoleStore.AppendAsync(fixture.Database.Source, stretches, Cancel)).TryGetValue(_tenant, out long end) ? end : null;

    private async Task<string> BytesAsync() => string.Concat((await fixture.Database.ListAsync<byte[]>("SELECT data FROM console_chunks WHERE tenant_id = $1 ORDER BY position", _tenant)).Select(Encoding.UTF8.GetString));

    private Task<IReadOnlyList<string>> LinesAsync() => fixture.Database.ListAsync<string>("SELECT text FROM console_lines WHERE tenant_id = $1 ORDER BY sequence", _tenant);
}
