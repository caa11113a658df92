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
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string debugger = $"socket,id=debugger,host=127.0.0.1,port={((IPEndPoint)listener.LocalEndpoint).Port}";
        NodeShape shape = NodeShape.Direct(NodeImages.Payload("boot", "cloud-6.12"), "1", "2G") with { Extra = ["-chardev", debugger, "-gdb", "chardev:debugger", "-S"] };
        await using EmulatedNode node = EmulatedNode.Start("svm-locked", shape);
        using (GdbStub stub = await GdbStub.AcceptAsync(listener, cancel))
        {
            ulong at = await MonitorSymbols.AddressAsync("asm_rdmsr") + BehindRdmsr;
            do await stub.RunToAsync(at, cancel); while ((await stub.ReadRegisterAsync(GdbStub.Rcx, cancel) & 0xFFFF_FFFF) != VmCr);
            await stub.WriteRegisterAsync(GdbStub.Rax, Disabled, cancel);
            await stub.DetachAsync(cancel);
        }
        await node.WaitForAsync("osv-monitor: SVM is disabled and locked by the firmware");
    }

    [Fact]
    public async Task A_damaged_payload_is_refused()
    {
        string damaged = NodeImages.Payload("boot", "cloud-6.12") + ".damaged";
        byte[] bytes = await File.ReadAllBytesAsync(damaged[..^".damaged".Length], TestContext.Current.CancellationToken);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(damaged, bytes, TestContext.Current.CancellationToken);
        string serial = await EmulatedNode.RunUntilAsync("damaged", NodeShape.Direct(damaged, "1", "2G"), "osv-monitor:");
        serial.ShouldContain("missing, cut short or damaged");
    }

    [Fact]
    public async Task Too_little_memory_is_named()
    {
        string serial = await EmulatedNode.RunUntilAsync("little-memory", NodeShape.Direct(NodeImages.Payload("boot", "cloud-6.12"), "1", "400M"), "osv-monitor:");
        serial.ShouldContain("too little memory");
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
