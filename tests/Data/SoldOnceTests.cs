using Npgsql;
using Osv.Database.Testing;

namespace Osv.Data.Tests;

/// <summary>No core, memory or device can be sold twice, whatever is written.</summary>
public sealed class SoldOnceTests(DatabaseFixture fixture) : IClassFixture<DatabaseFixture>, IAsyncLifetime
{
    private readonly BuggyScheduler _buggy = new(fixture.Database);
    private Guid _node, _other, _first, _second;

    public async ValueTask InitializeAsync()
    {
        string name = Guid.NewGuid().ToString();
        Guid project = await fixture.Seed.ProjectAsync(name);
        Guid[] nodes = await fixture.Seed.NodesAsync(2, new NodeShape(), name);
        Guid[] tenants = await fixture.Seed.TenantsAsync(project, 2);
        (_node, _other, _first, _second) = (nodes[0], nodes[1], tenants[0], tenants[1]);
        await _buggy.PlaceAsync(_first, _node);
        await _buggy.PlaceAsync(_second, _node);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_core_cannot_be_sold_twice()
    {
        await _buggy.SellCoreAsync(_first, _node, 3);
        (await BuggyScheduler.RefusalAsync(() => _buggy.SellCoreAsync(_second, _node, 3))).ShouldBe("pk_core_allocations");
    }

    [Fact]
    public async Task A_core_cannot_be_sold_twice_by_transactions_that_do_not_see_each_other()
    {
        await using NpgsqlConnection one = await fixture.Database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using NpgsqlTransaction uncommitted = await one.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var sell = new NpgsqlCommand("INSERT INTO core_allocations (node_id, apic_id, tenant_id) VALUES ($1, 4, $2)", one) { Parameters = { new() { Value = _node }, new() { Value = _first } } };
        await sell.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        Task<string> waiting = BuggyScheduler.RefusalAsync(() => _buggy.SellCoreAsync(_second, _node, 4));
        await uncommitted.CommitAsync(TestContext.Current.CancellationToken);
        (await waiting).ShouldBe("pk_core_allocations");
    }

    [Fact]
    public async Task The_same_core_number_of_another_node_is_another_core()
    {
        await _buggy.SellCoreAsync(_first, _node, 5);
        await fixture.Database.ExecuteAsync("DELETE FROM placements WHERE tenant_id = $1", _second);
        await _buggy.PlaceAsync(_second, _other);
        await _buggy.SellCoreAsync(_second, _other, 5);
    }

    [Theory]
    [InlineData(0, 8, 0, 8)]
    [InlineData(0, 8, 6, 8)]
    [InlineData(6, 8, 0, 8)]
    [InlineData(0, 64, 10, 2)]
    [InlineData(10, 2, 0, 64)]
    public async Task Memory_that_overlaps_cannot_be_sold_twice(int firstMebibytes, int firstSize, int secondMebibytes, int secondSize)
    {
        await _buggy.SellMemoryAsync(_first, _node, (long)firstMebibytes << 20, (long)firstSize << 20);
        (await BuggyScheduler.RefusalAsync(() => _buggy.SellMemoryAsync(_second, _node, (long)secondMebibytes << 20, (long)secondSize << 20))).ShouldBe("ex_memory_allocations_sold_once");
    }

    [Fact]
    public async Task Memory_side_by_side_can_be_sold()
    {
        await _buggy.SellMemoryAsync(_first, _node, 8L << 20, 8L << 20);
        await _buggy.SellMemoryAsync(_second, _node, 16L << 20, 8L << 20);
        await _buggy.SellMemoryAsync(_second, _node, 0, 8L << 20);
    }

    [Theory]
    [InlineData(1L << 20, 2L << 20)]
    [InlineData(0, 3L << 20)]
    [InlineData(0, 4096)]
    [InlineData(0, 0)]
    [InlineData(0, -(2L << 20))]
    public async Task Only_whole_units_of_memory_can_be_sold(long offset, long bytes) =>
        (await BuggyScheduler.RefusalAsync(() => _buggy.SellMemoryAsync(_first, _node, offset, bytes))).ShouldBe("ck_memory_allocations_addresses");

    [Fact]
    public async Task Memory_outside_of_a_block_cannot_be_sold()
    {
        (await BuggyScheduler.RefusalAsync(() => _buggy.SellMemoryAsync(_first, _node, BuggyScheduler.BlockBytes - (2L << 20), 4L << 20))).ShouldBe("ck_memory_allocations_inside_block");
        long invented = NodeShape.MemoryStart(0) + BuggyScheduler.BlockBytes;
        (await BuggyScheduler.RefusalAsync(() => _buggy.SellMemoryAsync(_first, _node, BuggyScheduler.BlockBytes, 2L << 20, invented, 1L << 30))).ShouldBe("fk_memory_allocations_node_memory_blocks_node_id_block_start_a");
    }

    [Fact]
    public async Task A_device_cannot_be_sold_twice()
    {
        await _buggy.SellDeviceAsync(_first, _node, NodeShape.Nic(0, 0));
        (await BuggyScheduler.RefusalAsync(() => _buggy.SellDeviceAsync(_second, _node, NodeShape.Nic(0, 0)))).ShouldBe("pk_device_allocations");
    }

    [Fact]
    public async Task What_a_node_does_not_have_cannot_be_sold()
    {
        (await BuggyScheduler.RefusalAsync(() => _buggy.SellCoreAsync(_first, _node, 999))).ShouldBe("fk_core_allocations_node_cores_node_id_apic_id");
        (await BuggyScheduler.RefusalAsync(() => _buggy.SellDeviceAsync(_first, _node, "0000:ff:1f.7"))).ShouldBe("fk_device_allocations_node_devices_node_id_pci_address");
    }

    [Fact]
    public async Task A_tenant_cannot_have_two_places()
    {
        (await BuggyScheduler.RefusalAsync(() => _buggy.PlaceAsync(_first, _other))).ShouldBe("pk_placements");
        (await BuggyScheduler.RefusalAsync(() => _buggy.SellCoreAsync(_first, _other, 1))).ShouldBe("fk_core_allocations_placements_tenant_id_node_id");
        (await BuggyScheduler.RefusalAsync(() => _buggy.SellDeviceAsync(_first, _other, NodeShape.Nic(0, 1)))).ShouldBe("fk_device_allocations_placements_tenant_id_node_id");
        (await BuggyScheduler.RefusalAsync(() => _buggy.SellMemoryAsync(_first, _other, 0, 2L << 20))).ShouldBe("fk_memory_allocations_placements_tenant_id_node_id");
    }

    [Theory]
    [InlineData("UPDATE core_allocations SET tenant_id = tenant_id")]
    [InlineData("UPDATE memory_allocations SET start_address = 0")]
    [InlineData("UPDATE device_allocations SET tenant_id = tenant_id")]
    [InlineData("UPDATE placements SET node_id = node_id")]
    [InlineData("UPDATE placement_group_claims SET domain = ''")]
    [InlineData("TRUNCATE core_allocations")]
    public async Task What_was_sold_is_never_changed_in_place(string sql) =>
        (await BuggyScheduler.RefusalAsync(() => fixture.Database.ExecuteAsync(sql))).ShouldBe("row_never_changes");

    [Fact]
    public async Task A_core_that_is_sold_cannot_be_taken_out_of_the_inventory()
    {
        await _buggy.SellCoreAsync(_first, _node, 7);
        (await BuggyScheduler.RefusalAsync(() => fixture.Database.ExecuteAsync("DELETE FROM node_cores WHERE node_id = $1 AND apic_id = 7", _node))).ShouldBe("fk_core_allocations_node_cores_node_id_apic_id");
        (await BuggyScheduler.RefusalAsync(() => fixture.Database.ExecuteAsync("DELETE FROM nodes WHERE id = $1", _node))).ShouldBe("fk_placements_nodes_node_id");
        (await BuggyScheduler.RefusalAsync(() => fixture.Database.ExecuteAsync("DELETE FROM tenants WHERE id = $1", _first))).ShouldBe("fk_placements_tenants_tenant_id");
    }

    [Fact]
    public async Task Deleting_a_place_frees_all_of_it()
    {
        await _buggy.SellCoreAsync(_first, _node, 6);
        await _buggy.SellMemoryAsync(_first, _node, 0, 64L << 20);
        await _buggy.SellDeviceAsync(_first, _node, NodeShape.Disk(0, 0));
        await fixture.Database.ExecuteAsync("DELETE FROM placements WHERE tenant_id = $1", _first);
        await _buggy.SellCoreAsync(_second, _node, 6);
        await _buggy.SellMemoryAsync(_second, _node, 0, 64L << 20);
        await _buggy.SellDeviceAsync(_second, _node, NodeShape.Disk(0, 0));
    }

    [Fact]
    public async Task Blocks_of_an_inventory_cannot_overlap() =>
        (await BuggyScheduler.RefusalAsync(() => fixture.Database.ExecuteAsync(
            "INSERT INTO node_memory_blocks (node_id, start_address, size_bytes, cell_number) VALUES ($1, $2, $3, 0)", _node, NodeShape.MemoryStart(0) + (2L << 20), 2L << 20))).ShouldBe("ex_node_memory_blocks_apart");
}
