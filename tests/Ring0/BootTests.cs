using System.Net;
using System.Net.Sockets;

namespace Osv.Ring0.Tests;

/// <summary>The ways the monitor comes up, and the one sentence with which it does not.</summary>
public sealed class BootTests
{
    [Theory]
    [InlineData("EPYC-Rome,-svm,+x2apic", "no SVM")]
    [InlineData("EPYC-Rome,+svm,-npt,+x2apic", "no nested paging")]
    [InlineData("EPYC-Rome,+svm,+npt,-x2apic", "no x2APIC")]
    [InlineData("EPYC-Rome,+svm,+npt,+x2apic,-xsave", "no XSAVE")]
    public async Task A_processor_that_will_not_do_is_named_in_one_sentence(string processor, string sentence)
    {
        NodeShape shape = NodeShape.Direct(NodeImages.Payload("boot", "cloud-6.12"), "1", "2G") with { Processor = processor };
        string serial = await EmulatedNode.RunUntilAsync($"lacks-{sentence.Replace(' ', '-')}", shape, "osv-monitor:");
        serial.ShouldContain(sentence);
    }

    [Fact]
    public async Task Firmware_without_ACPI_tables_is_named()
    {
        // SeaBIOS would make tables of its own; qboot, which comes with QEMU too, has only those that the machine brings.
        NodeShape shape = NodeShape.Direct(NodeImages.Payload("boot", "cloud-6.12"), "1", "2G") with { Machine = "q35,acpi=off", Extra = ["-bios", "qboot.rom"] };
        string serial = await EmulatedNode.RunUntilAsync("no-acpi", shape, "osv-monitor:");
        serial.ShouldContain("no usable ACPI tables");
    }

    /// <summary>QEMU cannot lock SVM: a debugger puts what a locked VM_CR reads as into the register that RDMSR fills.</summary>
    [Fact]
    public async Task SVM_that_the_firmware_has_locked_is_named()
    {
        const ulong VmCr = 0xC001_0114, Disabled = 1 << 4, BehindRdmsr = 4;
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await using EmulatedNode node = await UnderDebuggerAsync("svm-locked", async stub =>
        {
            ulong at = await MonitorSymbols.AddressAsync("asm_rdmsr") + BehindRdmsr;
            do await stub.RunToAsync(at, cancel); while ((await stub.ReadRegisterAsync(GdbStub.Rcx, cancel) & 0xFFFF_FFFF) != VmCr);
            await stub.WriteRegisterAsync(GdbStub.Rax, Disabled, cancel);
        });
        await node.WaitForAsync("osv-monitor: SVM is disabled and locked by the firmware");
    }

    /// <summary>Before there are cores, tables and consoles: the first read of an MSR is made an undefined instruction.</summary>
    [Fact]
    public async Task A_fault_on_the_way_is_told_too()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await using EmulatedNode node = await UnderDebuggerAsync("early-fault", async stub =>
        {
            await stub.RunToAsync(await MonitorSymbols.AddressAsync("monitor_main"), cancel);
            byte[] undefined = [0x0F, 0x0B];
            await stub.WriteAsync(await MonitorSymbols.AddressAsync("asm_rdmsr"), undefined, cancel);
        });
        await node.WaitForAsync("this node halts");
        node.Serial.ShouldContain("osv-monitor: fault 6 ");
        node.Serial.ShouldContain("registers: rdi 0x");
        node.Serial.ShouldContain("osv-monitor: panic: fault in the monitor core 0");
    }

    /// <summary>A machine that waits for its debugger, and goes on when that is done.</summary>
    private static async Task<EmulatedNode> UnderDebuggerAsync(string name, Func<GdbStub, Task> work)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string debugger = $"socket,id=debugger,host=127.0.0.1,port={((IPEndPoint)listener.LocalEndpoint).Port}";
        NodeShape shape = NodeShape.Direct(NodeImages.Payload("boot", "cloud-6.12"), "1", "2G") with { Extra = ["-chardev", debugger, "-gdb", "chardev:debugger", "-S"] };
        EmulatedNode node = EmulatedNode.Start(name, shape);
        using GdbStub stub = await GdbStub.AcceptAsync(listener, TestContext.Current.CancellationToken);
        await work(stub);
        await stub.DetachAsync(TestContext.Current.CancellationToken);
        return node;
    }

    /// <summary>Single bits of the archive's header, of each number in the manifest, of what it holds; and the highest bits of two words, which a sum without a turn would let pass.</summary>
    [Theory]
    [InlineData("head", 3)]
    [InlineData("length", 128 * 8 + 4)]
    [InlineData("sum", 136 * 8 + 40)]
    [InlineData("loader", 144 * 8 + 7)]
    [InlineData("loader-length", 152 * 8 + 2)]
    [InlineData("content", 5_000_000 * 8 + 1)]
    [InlineData("pair", 5_000_000 * 8 + 63, 6_000_000 * 8 + 63)]
    [InlineData("neighbours", 5_000_000 * 8 + 63, 5_000_008 * 8 + 63)]
    public async Task A_damaged_payload_is_refused(string what, params int[] bits)
    {
        string whole = NodeImages.Payload("boot", "cloud-6.12"), damaged = $"{whole}.{what}";
        byte[] bytes = await File.ReadAllBytesAsync(whole, TestContext.Current.CancellationToken);
        foreach (int bit in bits) bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        await File.WriteAllBytesAsync(damaged, bytes, TestContext.Current.CancellationToken);
        string serial = await EmulatedNode.RunUntilAsync($"damaged-{what}", NodeShape.Direct(damaged, "1", "2G"), "osv-monitor:");
        File.Delete(damaged);
        serial.ShouldContain("missing, cut short or damaged");
    }

    [Theory]
    [InlineData("400M", "512M", "too little memory")]
    [InlineData("2G", "30M", "the payload does not fit partition 0: give it more with p0.memory")]
    [InlineData("2G", "64M", "the payload does not fit partition 0: give it more with p0.memory")]
    public async Task Too_little_memory_is_named(string memory, string management, string sentence)
    {
        string serial = await EmulatedNode.RunUntilAsync("little-memory", NodeShape.Direct(NodeImages.Payload("boot", "cloud-6.12"), "1", memory, $"p0.memory={management}"), $"osv-monitor: {sentence}");
        serial.ShouldNotContain("management stops", Case.Sensitive, "it halts and does not try again and again");
    }

    [Fact]
    public async Task A_node_boots_over_HTTP_by_iPXE()
    {
        await using HttpFiles server = await HttpFiles.StartAsync(new Dictionary<string, Func<byte[]>>
        {
            ["boot.ipxe"] = () => "#!ipxe\nkernel osv-monitor.img p0.cores=1\ninitrd payload.cpio\nboot\n"u8.ToArray(),
            ["osv-monitor.img"] = () => File.ReadAllBytes(NodeImages.Monitor),
            ["payload.cpio"] = () => File.ReadAllBytes(NodeImages.Payload("boot", "cloud-6.12")),
        });
        var shape = new NodeShape(["-boot", "n"], "2", "2G")
        {
            Extra = ["-netdev", $"user,id=n,bootfile=http://10.0.2.2:{server.Port}/boot.ipxe", "-device", "virtio-net-pci,netdev=n"],
        };
        string serial = await EmulatedNode.RunAsync("ipxe", shape);
        serial.ShouldContain("osv-monitor: 2 cores");
        serial.ShouldContain("DRIVER done");
        server.Served.ShouldBe(["boot.ipxe", "osv-monitor.img", "payload.cpio"]);
    }
}
