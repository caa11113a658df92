using System.Buffers.Binary;
using System.Globalization;

namespace Osv.Ring0.Tests;

/// <summary>
/// What the monitor makes of its IOMMU's event log, and of the interrupts that a former owner set up. QEMU's own IOMMU logs nothing before 10.1 (docs/adr/0013): entries are
/// put there through the debug port, as an IOMMU would put them.
/// </summary>
public sealed class DeviceEventTests
{
    private const ulong EventLogBase = 0xFED8_0010, PageMask = 0x000F_FFFF_FFFF_F000, PageFault = 2UL << 60;
    private const ulong DeviceTableBase = 0xFED8_0000, InterruptTable = 0x000F_FFFF_FFFF_FFC0;
    private const int EntryBytes = 16, Entries = 256, DeviceEntryBytes = 32, InterruptTableBytes = 4096;

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
        // An interrupt that this start's owner has set up: the next must not find it.
        await WithInterruptsAsync(port, function, (stub, table) => stub.WriteAsync(table + 5 * EntryBytes, [.. Enumerable.Repeat((byte)0x31, EntryBytes)], cancel), cancel);
        await WriteAsync(port, 0, [function], cancel);
        await node.WaitForAsync("AWAITS A FULL LOG");
        await WithInterruptsAsync(port, function, async (stub, table) =>
        {
            for (int at = 0; at < InterruptTableBytes; at += 1024) (await stub.ReadAsync(table + (ulong)at, 1024, cancel)).ShouldBe(new byte[1024], $"interrupts of a former owner, from byte {at} on");
        }, cancel);
        // The rest of the log: of the same function, of one that nobody owns, of none at all.
        await WriteAsync(port, 1, [.. Enumerable.Range(1, Entries - 1).Select(i => (i % 3) switch { 0 => function, 1 => (ushort)0xF8, _ => (ushort)0xFFFF })], cancel);
        await node.WaitForAsync("DRIVER done");
        node.Serial.ShouldContain("PASS a refused access is told and stops its owner");
        node.Serial.ShouldContain("PASS a full log is told once and harms nobody");
        node.Serial.ShouldNotContain("osv-monitor: panic");
    }

    /// <summary>The function's table of interrupts, where its entry in the device table says it is (AMD I/O Virtualization Technology 3.10, 2.2.2.1).</summary>
    private static async Task WithInterruptsAsync(int port, ushort function, Func<GdbStub, ulong, Task> look, CancellationToken cancel)
    {
        using GdbStub stub = await GdbStub.ConnectAsync(port, cancel);
        ulong devices = BinaryPrimitives.ReadUInt64LittleEndian(await stub.ReadAsync(DeviceTableBase, 8, cancel)) & PageMask;
        ulong entry = BinaryPrimitives.ReadUInt64LittleEndian(await stub.ReadAsync(devices + function * (ulong)DeviceEntryBytes + 16, 8, cancel));
        (entry & 1).ShouldBe(1ul, "its interrupts are remapped");
        await look(stub, entry & InterruptTable);
        await stub.DetachAsync(cancel);
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
