using Npgsql;
using Osv.Database.Testing;

namespace Osv.Data.Tests;

/// <summary>A scheduler that takes no lock and checks nothing: it writes straight into the tables.</summary>
internal sealed class BuggyScheduler(TestDatabase database)
{
    public const long BlockBytes = 64L << 30;

    public Task PlaceAsync(Guid tenant, Guid node) => database.ExecuteAsync("INSERT INTO placements (tenant_id, node_id, placed_at) VALUES ($1, $2, now())", tenant, node);

    public Task SellCoreAsync(Guid tenant, Guid node, int core) => database.ExecuteAsync("INSERT INTO core_allocations (node_id, apic_id, tenant_id) VALUES ($1, $2, $3)", node, core, tenant);

    public Task SellMemoryAsync(Guid tenant, Guid node, long offset, long bytes) => SellMemoryAsync(tenant, node, offset, bytes, NodeShape.MemoryStart(0), BlockBytes);

    public Task SellMemoryAsync(Guid tenant, Guid node, long offset, long bytes, long blockStart, long blockBytes) =>
        database.ExecuteAsync(
            "INSERT INTO memory_allocations (node_id, start_address, size_bytes, block_start_address, block_size_bytes, tenant_id) VALUES ($1, $2, $3, $4, $5, $6)",
            node, NodeShape.MemoryStart(0) + offset, bytes, blockStart, blockBytes, tenant);

    public Task SellDeviceAsync(Guid tenant, Guid node, string address) => database.ExecuteAsync("INSERT INTO device_allocations (node_id, pci_address, tenant_id) VALUES ($1, $2, $3)", node, address, tenant);

    /// <summary>The constraint that refused an act.</summary>
    public static async Task<string> RefusalAsync(Func<Task> act) => (await Should.ThrowAsync<PostgresException>(act)).ConstraintName ?? "none";
}
