using Osv.Contracts.ControlDevice;
using Osv.Fuzz.Engine;
using Osv.Monitor;
using Osv.Monitor.Exits;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Fuzz.Targets.Ring0;

/// <summary>Exits of guests, as the processor reports them, through the monitor's own handler; a node after its boot.</summary>
internal sealed unsafe class ExitTarget : FuzzTarget
{
    private const int MaxExits = 24, TableBytes = 64;
    private static readonly ulong[] s_instructions =
        [ExitCode.Invd, ExitCode.Wbinvd, ExitCode.Xsetbv, ExitCode.Invlpga, ExitCode.Vmrun, ExitCode.Vmmcall, ExitCode.Skinit, ExitCode.Shutdown, ExitCode.Invalid, 0x79, 0x8A];
    private static readonly uint[] s_registers = [0x1B, 0xC000_0080, Icr, 0x833, 0x835, 0x837, 0xFE, 0x2FF, 0xC001_0114, 0xC001_1029, 0x8B, 0x10];
    private const uint Icr = 0x830;
    private readonly SimulatedNode _node = new();

    /// <summary>The last exit was partition 0's ring of the control device.</summary>
    private bool _rings;

    public override string Name => "exit";

    public override string Surface => "whole exits of a tenant and of partition 0 (ICR, MSR, port, MMIO, CPUID, NMI, exceptions, instructions, doorbell), with the tenant's page tables and code";

    public override int MaxBytes => 512;

    public override double Weight => 0.6;

    public override void SetUp()
    {
        PhysicalMemory.Map();
        FirmwareImage.Place(FirmwareImage.ZeroPage, FirmwareImage.Page());
        FirmwareImage.Place(FirmwareImage.CommandLine, "p0.memory=4M p0.cores=1\0"u8);
        FirmwareImage.PlaceTables([FirmwareImage.Madt(SimulatedNode.Cores), FirmwareImage.Fadt(), FirmwareImage.Srat(SimulatedNode.Cores), FirmwareImage.Ivrs()]);
        FirmwareImage.Place(FirmwareImage.Payload, FirmwareImage.Archive(new byte[256]));
        foreach ((ushort address, byte[] space) in PciFunctions.Node()) _node.Processor.Functions[address] = space;
        _node.Boot();
        _node.MakeTenants();
        _node.Keep();
        PhysicalMemory.Forbid(_node.NeighbourMemory, 2 * ControlLayout.PageBytes);
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        _node.Restore();
        var from = new Input(input);
        // The neighbour's memory is closed to everybody, so its cores and whoever gets its memory do not run.
        Fill(ref from);
        for (int i = 0; i < MaxExits && !from.HasEnded; i++)
        {
            byte what = from.Byte();
            int index = what & 3;
            if ((what & 0xC) == 0xC)
            {
                int settled = Node.Cores[index].Partition;
                _node.Settle(index);
                CheckAll(Machine.Management, mayReset: true, mayKick: true, settled);
                continue;
            }
            CoreBlock* core = Node.Blocks[index];
            int partition = Node.Cores[index].Partition;
            if (partition == Machine.Nobody || Node.Cores[index].Mode != CoreMode.Running || core->InGuest == 0 || HasForbiddenMemory(partition)) continue;
            if (!Exit(core, partition, what, ref from)) return;
            CheckAll(partition, mayReset: false, mayKick: _rings, _rings ? (int)Doorbell.Request->Partition : Machine.Nobody);
        }
        NodeInvariants.CheckTables();
    }

    private void CheckAll(int partition, bool mayReset, bool mayKick, int addressee)
    {
        NodeInvariants.CheckWrites(_node.Processor, partition, mayReset, mayKick, addressee);
        NodeInvariants.CheckState();
        DeviceInvariants.Check(_node.Processor.Iommu!);
    }

    private bool HasForbiddenMemory(int partition)
    {
        for (int i = 0; i < Node.Partitions[partition].ExtentCount; i++)
            if (Node.Extents[partition * ControlLayout.MaxExtents + i].HostAddress + Node.Extents[partition * ControlLayout.MaxExtents + i].Bytes > _node.NeighbourMemory) return true;
        return false;
    }

    /// <summary>Page tables and code of the tenant: 16 entries at places and with contents of the input's choice, then bytes.</summary>
    private void Fill(ref Input from)
    {
        byte* memory = (byte*)_node.TenantMemory;
        new Span<byte>(memory + SimulatedNode.PageTables, 0x3000).Clear();
        ulong* top = (ulong*)(memory + SimulatedNode.PageTables);
        top[0] = SimulatedNode.PageTables + 0x1003;
        top[512] = SimulatedNode.PageTables + 0x2003;
        top[1024] = 0x83;
        byte what = from.Byte();
        if ((what & 0x80) != 0) Deface(from.Dword());
        int entries = what & 7;
        for (int i = 0; i < entries; i++) top[from.Word() % 1536] = (from.Byte() & 1) != 0 ? from.Qword() : (ulong)from.Dword();
        Span<byte> code = new(memory + SimulatedNode.Code, TableBytes);
        code.Clear();
        from.Take(from.Byte() & 31).CopyTo(code);
    }

    /// <summary>Partition 0 may have written over all that is shown to it before any exit.</summary>
    private static void Deface(uint with)
    {
        foreach ((uint offset, int bytes) in SimulatedNode.Shown) new Span<uint>(Node.Shared + offset, bytes / 4).Fill(with);
    }

    /// <summary>False when the node is switched off or on again, by whom it may be.</summary>
    private bool Exit(CoreBlock* core, int partition, byte what, ref Input from)
    {
        Vmcb* vmcb = CoreBlock.VmcbOf(core);
        bool management = partition == Machine.Management;
        core->InGuest = 1;
        vmcb->EventInjection = 0;
        vmcb->NextRip = (what & 0x10) != 0 ? unchecked(vmcb->Rip + 2) : 0;
        vmcb->Cpl = (byte)((what & 0x20) != 0 ? 3 : 0);
        if ((what & 0x40) != 0)
        {
            vmcb->Rip = (from.Byte() & 1) != 0 ? from.Qword() : SimulatedNode.Code + from.Byte();
            vmcb->Cr3 = (from.Byte() & 1) != 0 ? from.Qword() : SimulatedNode.PageTables;
            vmcb->Cr4 = from.Qword();
        }
        Report(core, vmcb, management, ref from);
        _rings = management && vmcb->ExitCode == ExitCode.Io && vmcb->ExitInfo1 >> 16 == PortPolicy.Doorbell && (vmcb->ExitInfo1 & 1) == 0;
        _node.Processor.OwnId = core->ApicId;
        try
        {
            ExitHandler.OnExit(core);
        }
        catch (ProcessorParked)
        {
        }
        catch (ProcessorHalted)
        {
            Check.That(!Panic.IsOver, "the monitor panics");
            Check.That(management, "a tenant's exit halts the node");
            return false;
        }
        return true;
    }

    /// <summary>The reason, as a processor can report it (APM vol. 2, appendix C).</summary>
    private void Report(CoreBlock* core, Vmcb* vmcb, bool management, ref Input from)
    {
        byte kind = from.Byte();
        switch (kind & 7)
        {
            case 0:
                vmcb->ExitCode = ExitCode.Msr;
                vmcb->ExitInfo1 = (uint)(kind >> 3 & 1);
                core->Rcx = (kind & 0x10) != 0 ? from.Dword() : s_registers[from.Below(s_registers.Length)];
                vmcb->Rax = from.Dword();
                core->Rdx = from.Dword();
                break;
            case 1:
                Port(core, vmcb, kind, ref from);
                break;
            case 2:
                vmcb->ExitCode = ExitCode.Cpuid;
                vmcb->Rax = from.Dword();
                core->Rcx = from.Byte();
                break;
            case 3:
                vmcb->ExitCode = ExitCode.NestedPageFault;
                vmcb->ExitInfo1 = (kind & 0x10) != 0 ? from.Qword() : 1UL << 32;
                ulong page = (kind & 0x40) == 0 ? IoApic.Address : Node.Functions[from.Byte() % Node.FunctionCount].TableGuest;
                vmcb->ExitInfo2 = (kind & 0x20) != 0 ? from.Qword() : page + from.Word() % 0x1004u;
                *CoreBlock.Register(core, kind >> 3 & 15) = from.Dword();
                break;
            case 4:
                vmcb->ExitCode = (kind >> 3 & 3) switch { 0 => ExitCode.Iret, 1 => ExitCode.Smi, _ => ExitCode.Nmi };
                for (int refused = kind >> 5; refused > 0; refused--) _node.Processor.Iommu!.Refuse((kind & 0x10) != 0 ? from.Word() : Node.Functions[from.Byte() % Node.FunctionCount].Address, from.Qword());
                break;
            case 5:
                vmcb->ExitCode = (kind & 8) != 0 ? ExitCode.Debug : ExitCode.ExceptionFirst + 17;
                break;
            case 6:
                vmcb->ExitCode = s_instructions[from.Below(s_instructions.Length)];
                core->Rcx = from.Byte();
                vmcb->Rax = from.Dword();
                core->Rdx = from.Dword();
                break;
            default:
                if (!management) goto case 0;
                Ask(ref from);
                vmcb->ExitCode = ExitCode.Io;
                vmcb->ExitInfo1 = ((ulong)PortPolicy.Doorbell << 16) | 0x40;
                vmcb->ExitInfo2 = vmcb->Rip;
                vmcb->Rax = (kind & 8) != 0 ? from.Dword() : (uint)(kind >> 4);
                break;
        }
    }

    private static void Port(CoreBlock* core, Vmcb* vmcb, byte kind, ref Input from)
    {
        vmcb->ExitCode = ExitCode.Io;
        ushort port = (kind & 0x40) != 0 ? from.Word() : (ushort)((kind & 0x80) != 0 ? 0xCF8 + from.Below(8) : 0x3F8 + from.Below(8));
        uint size = (kind >> 4 & 3) switch { 0 => 1, 1 => 2, _ => 4 };
        byte flags = from.Byte();
        vmcb->ExitInfo1 = ((ulong)port << 16) | (size << 4) | (uint)(flags & 1) | ((flags & 0xE) == 0xE ? 0xCu : 0);
        vmcb->ExitInfo2 = unchecked(vmcb->Rip + 1);
        vmcb->Rax = from.Dword();
        core->Rcx = from.Byte();
    }

    /// <summary>The request page, as partition 0 fills it.</summary>
    private void Ask(ref Input from)
    {
        var request = (ControlRequest*)(Node.Shared + ControlLayout.RequestOffset);
        request->Partition = from.Byte() % 6u;
        request->Argument = from.Byte() & 3u;
        request->WindowAddress = (ulong)from.Byte() << 30;
        request->CoreCount = from.Byte() % 4u;
        request->ExtentCount = from.Byte() % 4u;
        for (int i = 0; i < 4; i++) request->Cores[i] = from.Byte() & 7u;
        for (int i = 0; i < (int)request->ExtentCount; i++)
        {
            request->Extents[i * 3] = from.Byte() * ControlLayout.PageBytes;
            request->Extents[i * 3 + 1] = _node.TenantMemory + from.Byte() % 8u * ControlLayout.PageBytes;
            request->Extents[i * 3 + 2] = from.Byte() % 4u * ControlLayout.PageBytes;
        }
        request->FunctionCount = from.Byte() & 3u;
        for (int i = 0; i < 3; i++) request->Functions[i] = Node.Functions[from.Byte() % Node.FunctionCount].Address;
        request->Entry = new EntryState { Rip = SimulatedNode.Code, Rsi = 0x7000, Cr3 = SimulatedNode.PageTables, GdtBase = 0x6000, GdtLimit = 31, CodeSelector = 0x10 };
    }

    public override IEnumerable<byte[]> Seeds()
    {
        byte[] nothing = [0, 0];
        byte[] code = [0, 7, 0x89, 0x08, 0xC7, 0x00, 1, 0, 0];
        // A message for its second core, entry by entry of an MSI-X table: MOV [RAX], ECX.
        byte[] store = [0x52, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x4B, 1];
        yield return [.. code, .. store, 0, 0, 0, 0x30, 0xE0, 0xFE, .. store, 8, 0, 0x31, 0, 0, 0, .. store, 12, 0, 0, 0, 0, 0];
        // Accesses of the tenant's disk and of the neighbour's are refused, and the NMI says so.
        yield return [.. nothing, 0, 0x54, 1, 0x34, 0x12, 0, 0, 0, 0, 0, 0, 2, 0x78, 0x56, 0, 0, 0, 0, 0, 0, 0xE, 0xF, 0xD, 0xC];
        // The tenant finds its disk, probes a base address, and masters the bus.
        yield return [.. nothing, 2, 0xA1, 0, 0, 0x10, 0x10, 0, 0x80, 0, 2, 0xA1, 4, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 2, 0xA1, 0, 0, 4, 0x10, 0, 0x80, 0, 2, 0xA1, 4, 0, 6, 0, 0, 0, 0];
        yield return [.. nothing, 2, 8, 2, 0x30, 0, 0, 0, 3, 0, 0, 0, 2, 8, 2, 0, 5, 0, 0, 3, 0, 0, 0, 0xF, 2, 8, 2, 1, 6, 0, 0, 3, 0, 0, 0, 0xF];
        yield return [.. code, 2, 3, 0x10, 0, 0x31, 0, 0, 0, 0x52, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0x10, 0, 1, 0, 0, 0];
        yield return [.. nothing, 2, 1, 0, 0, 65, 0, 0, 0, 0, 2, 1, 1, 2, 0, 0, 0, 0, 0, 2, 2, 1, 0, 0, 0, 0, 0x12, 4, 0x12, 5, 0x12, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        yield return [.. nothing, 0, 0xA1, 0, 0, 4, 0x10, 0, 0x80, 0, 0, 0xA1, 4, 0, 6, 0, 0, 0, 0, 0, 0xA1, 4, 1, 0, 0, 0, 0, 0];
        // All ones in the tables, a probe of the tenant, and its core answers.
        yield return [0x80, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0x77, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xE, 2, 0x14];
        // Stop the tenant, destroy it, make it again, load and start it.
        yield return [.. nothing, 0, 0x57, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xE, 0xF, 0xE, 0, 0x67, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0x27, 1, 0, 0, 2, 1, 2, 3, 0, 0, 0, 0, 2, 1, 1, 0, 0, 0xE, 0xF, 0, 0x37, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x47, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xE, 0xF];
    }
}
