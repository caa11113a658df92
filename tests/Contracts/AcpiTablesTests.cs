using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;

namespace Osv.Contracts.Tests;

/// <summary>The tables as Intel's own compiler, in Debian's acpica-tools, reads them.</summary>
public sealed class AcpiTablesTests : IDisposable
{
    private const uint Address = GuestMap.AcpiTables;
    private readonly string _folder = Directory.CreateTempSubdirectory("osv-acpi").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static byte[] Write(uint[] cores, uint[] coreCells, uint[] memoryCells, bool pci, bool serialInterrupt, ushort timerPort = 0x608)
    {
        var area = new byte[GuestMap.AcpiBytes];
        GuestCore[] guestCores = [.. cores.Select((id, i) => new GuestCore { ApicId = id, Cell = coreCells[i] })];
        MemoryExtent[] memory = [.. memoryCells.Select((_, i) => new MemoryExtent { GuestAddress = (ulong)i << 30, HostAddress = (ulong)(i + 8) << 30, Bytes = 1 << 30 })];
        var platform = new GuestPlatform(guestCores, memory, memoryCells) { TimerPort = timerPort, TimerIs32Bit = true, HasPci = pci, HasSerialInterrupt = serialInterrupt };
        AcpiTables.Write(area, Address, in platform);
        return area;
    }

    private static Dictionary<string, byte[]> Tables(byte[] area)
    {
        Encoding.ASCII.GetString(area, 0, 8).ShouldBe("RSD PTR ");
        Sum(area.AsSpan(0, 20)).ShouldBe((byte)0);
        Sum(area.AsSpan(0, 36)).ShouldBe((byte)0);
        byte[] xsdt = At(BinaryPrimitives.ReadUInt64LittleEndian(area.AsSpan(24)));
        var tables = new Dictionary<string, byte[]> { ["XSDT"] = xsdt };
        for (int i = 36; i + 8 <= xsdt.Length; i += 8)
        {
            ulong address = BinaryPrimitives.ReadUInt64LittleEndian(xsdt.AsSpan(i));
            if (address == 0) continue;
            byte[] table = At(address);
            tables[Encoding.ASCII.GetString(table, 0, 4)] = table;
        }
        tables["DSDT"] = At(BinaryPrimitives.ReadUInt64LittleEndian(tables["FACP"].AsSpan(140)));
        return tables;

        byte[] At(ulong address)
        {
            ReadOnlySpan<byte> table = area.AsSpan((int)(address - Address));
            return table[..BinaryPrimitives.ReadInt32LittleEndian(table[4..])].ToArray();
        }
    }

    private static byte Sum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes) sum = unchecked((byte)(sum + value));
        return sum;
    }

    /// <summary>The disassembly; iasl must have nothing to say against the table.</summary>
    private async Task<string> DisassembleAsync(string name, byte[] table)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string file = Path.Combine(_folder, $"{name}.aml");
        await File.WriteAllBytesAsync(file, table, cancel);
        string said = await IaslAsync("-d", file, cancel);
        said.ShouldNotContain("rror", Case.Sensitive, said);
        said.ShouldNotContain("Warning", Case.Sensitive, said);
        return await File.ReadAllTextAsync(Path.Combine(_folder, $"{name}.dsl"), cancel);
    }

    private async Task<string> IaslAsync(string option, string file, CancellationToken cancel)
    {
        using Process iasl = Process.Start(new ProcessStartInfo("iasl", [option, file]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder })!;
        Task<string> output = iasl.StandardOutput.ReadToEndAsync(cancel), errors = iasl.StandardError.ReadToEndAsync(cancel);
        await iasl.WaitForExitAsync(cancel);
        string said = await output + await errors;
        iasl.ExitCode.ShouldBe(0, said);
        return said;
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Every_table_is_well_formed_to_iasl(bool pci, bool serialInterrupt)
    {
        Dictionary<string, byte[]> tables = Tables(Write([4, 5, 300, 301], [0, 0, 1, 1], [0, 1], pci, serialInterrupt));
        tables.Keys.ShouldBe(["XSDT", "FACP", "APIC", "SRAT", "SLIT", "DSDT"], ignoreOrder: true);
        foreach ((string name, byte[] table) in tables)
        {
            Sum(table).ShouldBe((byte)0, name);
            if (name != "XSDT") (await DisassembleAsync(name, table)).ShouldContain($"\"{name}\"");
        }
    }

    [Fact]
    public async Task The_processors_are_the_partitions_own_and_no_others()
    {
        string madt = await DisassembleAsync("APIC", Tables(Write([4, 300], [0, 0], [0], pci: false, serialInterrupt: false))["APIC"]);
        madt.Split("Processor x2Apic ID").Length.ShouldBe(3);
        madt.ShouldContain("Processor x2Apic ID : 00000004");
        madt.ShouldContain("Processor x2Apic ID : 0000012C");
        madt.ShouldNotContain("[I/O APIC]");
    }

    [Fact]
    public async Task A_serial_interrupt_brings_an_io_apic_and_nothing_else_uses_it()
    {
        Dictionary<string, byte[]> tables = Tables(Write([0], [0], [0], pci: false, serialInterrupt: true));
        (await DisassembleAsync("APIC", tables["APIC"])).ShouldContain("FEC00000");
        string dsdt = await DisassembleAsync("DSDT", tables["DSDT"]);
        dsdt.ShouldContain("Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive");
        dsdt.Split("Interrupt (").Length.ShouldBe(2);
    }

    [Fact]
    public async Task The_disassembled_dsdt_compiles_again()
    {
        await DisassembleAsync("DSDT", Tables(Write([0], [0], [0], pci: true, serialInterrupt: true))["DSDT"]);
        string said = await IaslAsync("-ve", Path.Combine(_folder, "DSDT.dsl"), TestContext.Current.CancellationToken);
        said.ShouldContain("0 Errors");
    }

    [Fact]
    public async Task The_fadt_says_hardware_reduced_physical_mode_and_where_to_reset_and_sleep()
    {
        string fadt = await DisassembleAsync("FACP", Tables(Write([0], [0], [0], pci: false, serialInterrupt: false))["FACP"]);
        fadt.ShouldContain("Hardware Reduced (V5) : 1");
        fadt.ShouldContain("Use APIC Physical Destination Mode (V4) : 1");
        fadt.ShouldContain("Reset Register Supported (V2) : 1");
        fadt.ShouldContain("0000000000000CF9");
        fadt.ShouldContain("0000000000000604");
    }

    [Fact]
    public void One_cell_needs_no_numa_tables() => Tables(Write([0, 1], [0, 0], [0], pci: false, serialInterrupt: false)).Keys.ShouldNotContain("SRAT");

    [Fact]
    public void The_largest_partition_fits_the_area()
    {
        uint[] cores = [.. Enumerable.Range(0, ControlLayout.MaxCores).Select(i => (uint)i)];
        Dictionary<string, byte[]> tables = Tables(Write(cores, [.. cores.Select(id => id % 8)], [.. Enumerable.Range(0, ControlLayout.MaxExtents).Select(i => (uint)i % 8)], pci: true, serialInterrupt: true));
        tables.Values.Sum(table => table.Length).ShouldBeLessThan((int)GuestMap.AcpiBytes);
    }
}
