using System.Security.Cryptography;
using Osv.Contracts.Node;
using Osv.Data;
using Osv.Data.Lifecycles;
using Osv.Data.Placements;

namespace Osv.Gateway.Tests;

/// <summary>PCI functions that tenants own: what may be sold, what nodes are told, and that disks change hands erased.</summary>
public sealed class DeviceTests(Plane plane)
{
    private const string Nic = "0000:01:00.0", Disk = "0000:02:00.0";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Only_what_can_be_assigned_is_sold_and_a_function_that_is_gone_is_not()
    {
        (Machine machine, AgentStream stream) = await Machine.ReadyAsync(plane);
        using Machine _ = machine;
        await using AgentStream __ = stream;
        (await ForSaleAsync(machine)).ShouldBe("0000:01:00.0 Nic, 0000:02:00.0 Disk");

        Guid tenant = await TenantAsync(nics: 0);
        await plane.PlaceAsync(tenant, machine.Node, [1], devices: Disk);
        Inventory later = machine.Inventory();
        for (int i = later.Pci.Count - 1; i >= 0; i--)
            if (later.Pci[i].Address is Nic or Disk) later.Pci.RemoveAt(i);
        later.Pci.Add(Machine.Function("0000:04:00.0", 0x01_0802));
        await stream.SayAsync(new AgentEnvelope { Inventory = later });
        await stream.TakenAsync();
        (await ForSaleAsync(machine)).ShouldBe("0000:04:00.0 Disk");
        (await plane.Database.QueryAsync<bool>("SELECT reserved FROM node_devices WHERE node_id = $1 AND pci_address = $2", machine.Node, Disk)).ShouldBeTrue("it is still a tenant's, and nobody else's");
    }

    private async Task<Guid> TenantAsync(int nics = 1)
    {
        Guid tenant = await plane.TenantAsync();
        await plane.Database.ExecuteAsync("UPDATE tenants SET nic_count = $2, disk_count = 1 WHERE id = $1", tenant, nics);
        return tenant;
    }

    private async Task ReleaseAsync(Guid tenant)
    {
        await using OsvDbContext context = plane.Database.CreateContext();
        long fence = await plane.Database.QueryAsync<long>("SELECT fence FROM placements WHERE tenant_id = $1", tenant);
        (await PlacementRelease.ReleaseAsync(context, tenant, fence, TenantState.Pending, "released by a test", TimeSpan.FromHours(1), Cancel)).ShouldBeTrue();
    }

    private async Task<string> ForSaleAsync(Machine machine) =>
        await plane.Database.QueryAsync<string>("SELECT string_agg(pci_address || ' ' || kind, ', ' ORDER BY pci_address) FROM node_devices WHERE node_id = $1 AND NOT reserved", machine.Node);

    [Fact]
    public async Task A_disk_is_erased_for_whoever_did_not_have_it_last_and_for_nobody_else()
    {
        (Machine machine, AgentStream stream) = await Machine.ReadyAsync(plane);
        using Machine _ = machine;
        await using AgentStream __ = stream;
        Guid first = await TenantAsync(), second = await TenantAsync();
        await plane.PlaceAsync(first, machine.Node, [1], devices: [Nic, Disk]);
        DesiredState told = await stream.UntilDesiredAsync(1);
        DesiredPartition wanted = told.Partitions[0];
        wanted.PciAddresses.ShouldBe([Nic, Disk]);
        wanted.Erase.ShouldBe([Disk]);
        using var http = new HttpClient();
        byte[] kernel = await http.GetByteArrayAsync(wanted.Eraser.Kernel.Url, Cancel);
        SHA256.HashData(kernel).ShouldBe(wanted.Eraser.Kernel.Sha256.ToByteArray());
        ((ulong)kernel.Length).ShouldBe(wanted.Eraser.Kernel.Bytes);
        kernel.ShouldBe(plane.Monitor);
        (await http.GetByteArrayAsync(wanted.Eraser.Initrd.Url, Cancel)).ShouldBe(plane.Payload);

        // Neither a disk that it does not have, nor somebody else's word, is taken.
        await SayErasedAsync(stream, told, first, "0000:04:00.0");
        await SayErasedAsync(stream, told, second, Disk);
        (await LastAsync(machine)).ShouldBe("");
        await SayErasedAsync(stream, told, first, Disk);
        told = await stream.DesiredAsync();
        told.Partitions[0].Erase.ShouldBeEmpty();
        told.Partitions[0].Eraser.ShouldBeNull();
        (await LastAsync(machine)).ShouldBe(first.ToString());

        // The same tenant finds its data, another one does not.
        await ReleaseAsync(first);
        await plane.PlaceAsync(first, machine.Node, [2], devices: [Nic, Disk]);
        told = await UntilAsync(stream, partition => partition.ApicIds.Contains(2u));
        told.Partitions[0].Erase.ShouldBeEmpty();
        await ReleaseAsync(first);
        await plane.PlaceAsync(second, machine.Node, [3], devices: [Nic, Disk]);
        told = await UntilAsync(stream, partition => partition.ApicIds.Contains(3u));
        told.Partitions[0].Erase.ShouldBe([Disk]);
    }

    private Task<string> LastAsync(Machine machine) => plane.Database.QueryAsync<string>("SELECT coalesce(string_agg(last_tenant_id::text, ' '), '') FROM node_devices WHERE node_id = $1", machine.Node);

    private static async Task<DesiredState> UntilAsync(AgentStream stream, Func<DesiredPartition, bool> fits)
    {
        while (true)
        {
            DesiredState told = await stream.DesiredAsync();
            if (told.Partitions.Any(fits)) return told;
        }
    }

    private static async Task SayErasedAsync(AgentStream stream, DesiredState told, Guid tenant, string disk)
    {
        var observed = new ObservedState { DesiredRevision = told.Revision };
        observed.Partitions.Add(new ObservedPartition { TenantId = tenant.ToString(), Phase = PartitionPhase.Loading, Partition = 1, Erased = { disk } });
        await stream.SayAsync(new AgentEnvelope { Observed = observed });
        await stream.TakenAsync();
    }
}
