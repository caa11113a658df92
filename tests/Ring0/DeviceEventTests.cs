using System.Buffers.Binary;
using System.Globalization;

namespace Osv.Ring0.Tests;

/// <summary>
/// What the monitor makes of its IOMMU's event log. QEMU's own IOMMU logs nothing before 10.1 (docs/adr/0013): entries are
/// put there through the debug port, as an IOMMU would put them.
/// </summary>
public sealed class DeviceEventTests
{
    private const ulong EventLogBase = 0xFED8_0010, PageMask = 0x000F_FFFF_FFFF_F000, PageFault = 2UL << 60;
    private const int EntryBytes = 16, Entries = 256;

    [Fact]
    public async Task A_refused_access_is_told_once_and_stops_its_owner_however_many_events_there_are()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        int port = EmulatedNode.FreePort();
        string disk = NodeImages.EmptyDisk("device-events", mebibytes: 16);
        string payload = NodeImages.Payload("device-events", "cloud-6.12", options: $"monitor-code={await MonitorSymbols.AddressesAsync("monitor_exit", "world_loop")}");
        // The watch's clock strikes every second, and with it the log is looked at.
        await using EmulatedNode node = EmulatedNode.Start("device-events", NodeShape.Direct(payload, "3", "1G", "p0.cores=1 p0.memory=384M p0.watch=10") with
        {
            Extra =
            [
                "-gdb", $"tcp:127.0.0.1:{port}", "-device", "amd-iommu,intremap=on,xtsup=on,pt=off",
                "-drive", $"if=none,id=disk,format=raw,file={disk}", "-device", "nvme,drive=disk,serial=osv1",
            ],
            Deadline = TimeSpan.FromMinutes(8),
        });
        await node.WaitForAsync("AWAITS ONE EVENT OF ");
        ushort function = ushort.Parse(node.Serial.Split("AWAITS ONE EVENT OF ")[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        await WriteAsync(port, 0, [function], cancel);
        await node.WaitForAsync("AWAITS A FULL LOG");
        // The rest of the log: of the same function, of one that nobody owns, of none at all.
        await WriteAsync(port, 1, [.. Enumerable.Range(1, Entries - 1).Select(i => (i % 3) switch { 0 => function, 1 => (ushort)0xF8, _ => (ushort)0xFFFF })], cancel);
        await node.WaitForAsync("DRIVER done");
        node.Serial.ShouldContain("PASS a refused access is told and stops its owner");
        node.Serial.ShouldContain("PASS a full log is told once and harms nobody");
        node.Serial.ShouldNotContain("osv-monitor: panic");
    }

    private static async Task WriteAsync(int port, int first, ushort[] functions, CancellationToken cancel)
    {
        const int EntriesPerPacket = 64;
        using GdbStub stub = await GdbStub.ConnectAsync(port, cancel);
        ulong log = BinaryPrimitives.ReadUInt64LittleEndian(await stub.ReadAsync(EventLogBase, 8, cancel)) & PageMask;
        for (int at = 0; at < functions.Length; at += EntriesPerPacket)
        {
            int count = Math.Min(EntriesPerPacket, functions.Length - at);
            var bytes = new byte[count * EntryBytes];
            for (int i = 0; i < count; i++)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * EntryBytes), PageFault | functions[at + i]);
                BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * EntryBytes + 8), 0x1234_5000UL + (ulong)(first + at + i));
            }
            await stub.WriteAsync(log + (ulong)((first + at) * EntryBytes), bytes, cancel);
        }
        await stub.DetachAsync(cancel);
    }
}
