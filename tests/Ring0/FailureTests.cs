using System.Runtime.InteropServices;
using System.Text;
using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Tests;

/// <summary>Something fails; everybody else goes on, or says why not.</summary>
public sealed class FailureTests
{
    [Theory]
    [InlineData("cloud-6.1")]
    [InlineData("cloud-6.12")]
    public async Task A_panic_is_an_event_stopped_and_idle_cores_are_no_hang_and_neighbours_go_on(string kernel)
    {
        string serial = await EmulatedNode.RunAsync($"failures-{kernel}", NodeShape.Direct(NodeImages.Payload("failures", kernel), "4", "2G"));
        serial.ShouldContain("PASS a panic is told through the panic port");
        serial.ShouldContain("PASS a core that its kernel has stopped is not taken for a hanging one");
        serial.ShouldContain("PASS an idle neighbour is not taken for a hanging one");
        serial.ShouldContain("DRIVER done");
    }

    [Fact]
    public async Task A_tenant_outlives_the_management_Linux()
    {
        string serial = await EmulatedNode.RunAsync("management-dies", NodeShape.Direct(NodeImages.Payload("management-dies", "cloud-6.12"), "2", "2G"));
        serial.ShouldContain("PASS a tenant runs before the management Linux dies");
        serial.ShouldContain("PASS a tenant outlives the management Linux");
        serial.ShouldContain("PASS the new management Linux is in charge");
        serial.ShouldContain("DRIVER done");
    }

    [Fact]
    public async Task A_management_Linux_that_stands_still_is_restarted_and_a_tenant_outlives_it()
    {
        string serial = await EmulatedNode.RunAsync("management-hangs", NodeShape.Direct(NodeImages.Payload("management-hangs", "cloud-6.12"), "2", "2G", "p0.cores=1 p0.watch=1"));
        serial.ShouldContain("PASS the management Linux lives while it beats");
        serial.ShouldContain("osv-monitor: management stops, cause 9 ");
        serial.ShouldContain("PASS a management Linux that stands still is restarted");
        serial.ShouldContain("PASS a tenant outlives the management Linux");
        serial.ShouldContain("DRIVER done");
    }

    [Fact]
    public async Task A_loader_that_cannot_go_on_is_tried_again()
    {
        await using EmulatedNode node = EmulatedNode.Start("loader-stops", NodeShape.Direct(NodeImages.PayloadWithoutKernel(), "1", "1G", "p0.memory=256M p0.watch=1"));
        for (int life = 0; life < 2; life++)
        {
            await node.WaitForAsync("osv-loader: the payload's kernel or initramfs does not fit");
            await node.WaitForAsync("osv-monitor: management stops, cause 9 ");
        }
    }

    [Fact]
    public async Task A_partition_0_whose_boot_core_waits_for_its_start_is_tried_again()
    {
        await using EmulatedNode node = EmulatedNode.Start("boot-core-parks", NodeShape.Direct(NodeImages.PayloadThatParks("parks itself"), "1", "1G", "p0.memory=256M p0.watch=1"));
        for (int life = 0; life < 2; life++)
        {
            await node.WaitForAsync("parks itself");
            await node.WaitForAsync("osv-monitor: management stops, cause 9 ");
        }
    }

    [Fact]
    public async Task A_fault_of_the_monitor_is_told_everywhere_before_the_node_halts()
    {
        const uint FullRing = ControlLayout.MaxPartitions - 1;
        CancellationToken cancel = TestContext.Current.CancellationToken;
        int port = EmulatedNode.FreePort();
        await using EmulatedNode node = EmulatedNode.Start("monitor-fault", NodeShape.Direct(NodeImages.Payload("monitor-fault", "cloud-6.12"), "3", "2G") with
        {
            Extra = ["-gdb", $"tcp:127.0.0.1:{port}"],
        });
        await node.WaitForAsync("READY FOR THE FAULT");
        using (GdbStub stub = await GdbStub.ConnectAsync(port, cancel))
        {
            // Nobody has read the last partition's ring, and it is full.
            ulong full = await FindSharedAsync(stub, cancel) + ControlLayout.ConsoleOffset + FullRing * ControlLayout.ConsoleBytes + (ulong)Marshal.OffsetOf<ConsoleHeader>(nameof(ConsoleHeader.OutputTail));
            await stub.WriteAsync(full, BitConverter.GetBytes(unchecked(0 - ControlLayout.ConsoleOutputBytes)), cancel);
            byte[] undefined = [0x0F, 0x0B];
            await stub.WriteAsync(await MonitorSymbols.AddressAsync("monitor_exit"), undefined, cancel);
            await stub.DetachAsync(cancel);
        }
        await node.WaitForAsync("osv-monitor: every console was told");
        node.Serial.ShouldContain("osv-monitor: panic: fault in the monitor");
        node.Serial.ShouldContain("osv-monitor: fault 6 ");
        node.Serial.ShouldContain("registers: rdi 0x");
        node.Serial.ShouldContain("stack: 0x");

        // Connecting stops the machine: what stands in the rings now was said before.
        using GdbStub after = await GdbStub.ConnectAsync(port, cancel);
        ulong shared = await FindSharedAsync(after, cancel);
        foreach (uint partition in (uint[])[0, 1, 2, FullRing])
        {
            byte[] ring = await after.ReadAsync(shared + ControlLayout.ConsoleOffset + partition * ControlLayout.ConsoleBytes + ControlLayout.ConsoleOutputOffset, 2048, cancel);
            Encoding.ASCII.GetString(ring).ShouldContain("osv-monitor: this node halts: fault in the monitor");
        }
    }

    /// <summary>The control device's memory starts the monitor's piece, on a 2 MiB boundary near the top of RAM.</summary>
    private static async Task<ulong> FindSharedAsync(GdbStub stub, CancellationToken cancel)
    {
        for (ulong at = (2UL << 30) - ControlLayout.PageBytes; at > 1UL << 30; at -= ControlLayout.PageBytes)
        {
            byte[] bytes = await stub.ReadAsync(at + ControlLayout.HeaderOffset, 8, cancel);
            if (bytes.Length == 8 && BitConverter.ToUInt64(bytes) == ControlLayout.Magic) return at;
        }
        throw new InvalidOperationException("the control device's header is not in memory");
    }
}
