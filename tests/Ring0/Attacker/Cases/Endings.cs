using System;
using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Attacker.Cases;

/// <summary>
/// Cases that end the partition, one for each start. Before it acts the payload says what must come:
/// ABOUT name cause rip cr2 cr3 detail, in hexadecimal; 0 where nothing is foretold.
/// Cause Requested: the partition hangs or waits, and must still stop when partition 0 asks. FFh: either that or by itself.
/// </summary>
public static unsafe class Endings
{
    private const ulong Hole = 0xC000_0000, IoApic = 0xFEC0_0000, Scratch = 0x90_0000;
    /// <summary>No cause is foretold.</summary>
    private const StopCause Any = (StopCause)0xFF;
    private const ulong Marker = 0x5EED_0000_C0DE;
    private static StopCause s_foretold;

    private static ReadOnlySpan<ulong> Beyond =>
    [
        // Just past the end and far past it.
        0, 0x1000, 0x1F_FFF8, 0x3FFF_F000, 0x4000_0000, 0x8000_0000, 0xBFFF_FFF8,
        // The hole: partition 0's control device, I/O APIC, HPET, IOMMU, local APIC, firmware.
        Hole, 0xE000_0000, 0xE020_0000, 0xF000_0000, IoApic, IoApic + 0x1000, 0xFED0_0000, 0xFED8_0000, 0xFEE0_0000, 0xFEE0_0300, 0xFFFF_FFF0,
        // Above it, up to the load window of partition 0 and past the last address of any partition.
        0x1_0000_0000, 0x10_0000_0000, 0x7F_8000_0000, 0x7F_FFFF_FFF8, 0x80_0000_0000, 0xFF_C000_0000,
    ];

    /// <summary>LA57, VMXE, SMXE, SMEP, SMAP, CET and what does not exist.</summary>
    private static ReadOnlySpan<byte> Cr4Bits => [12, 13, 14, 15, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 40, 52, 63];

    public static void Run(uint number)
    {
        if (number < Beyond.Length * 3) Access((int)(number / 3), (int)(number % 3));
        else Other((int)number - Beyond.Length * 3);
    }

    private static void Access(int index, int access)
    {
        ulong address = index < 4 ? Interrupts.Parameters->MemoryBytes + Beyond[index] : Beyond[index];
        // Addresses are mapped to themselves below 512 GiB, and above as far as cases ask for it.
        if (address >= 0x80_0000_0000) Symbols.FarTable[(int)((address >> 30) & 511)] = (address & ~0x3FFF_FFFFUL) | 0x87;
        Registers registers = default;
        registers.Rdi = address;
        ulong rip = access == 2 ? address : (ulong)Symbols.ProbeCode;
        About(access switch { 0 => "read"u8, 1 => "write"u8, _ => "execute"u8 }, StopCause.MemoryViolation, rip, address, address);
        uint fault = access switch
        {
            0 => Probe.Run([0x8A, 0x07], ref registers),
            1 => Probe.Run([0x88, 0x07], ref registers),
            _ => Probe.Run([0xFF, 0xE7], ref registers),
        };
        Survived(fault);
    }

    private static void About(ReadOnlySpan<byte> name, StopCause cause, ulong rip = 0, ulong detail = 0, ulong where = 0)
    {
        s_foretold = cause;
        Registers registers = default;
        registers.Rax = Marker;
        Probe.Run([0x0F, 0x22, 0xD0, 0x0F, 0x20, 0xDB], ref registers);        // CR2 = RAX, RBX = CR3
        Serial.Text("ABOUT "u8);
        Serial.Text(name);
        if (where != 0)
        {
            Serial.Put((byte)'-');
            Serial.Hex(where);
        }
        Value((ulong)cause);
        Value(rip);
        Value(Marker);
        Value(registers.Rbx);
        Value(detail);
        Serial.Line();
    }

    private static void Value(ulong value)
    {
        Serial.Put((byte)' ');
        Serial.Hex(value);
    }

    /// <summary>What should hang or wait has come through: it ends in another way than foretold, so that partition 0 sees it.</summary>
    private static void Survived(uint fault)
    {
        Serial.Text("SURVIVED "u8);
        Serial.Number(fault);
        Serial.Line();
        if (s_foretold != StopCause.Requested) return;
        Interrupts.LoadIdt(0, 0);
        Probe.Run([0x0F, 0x0B]);
    }

    private static void Other(int number)
    {
        switch (number)
        {
            case 0: Memory("tables-beyond"u8, [0x0F, 0x22, 0xDF], Hole, 0, Hole); break;
            case 1: Memory("stack-beyond"u8, [0x48, 0x89, 0xFC, 0x50], Hole + 0x1000, 3, Hole + 0xFF8); break;
            case 2: Memory("string-across-the-end"u8, [0xF3, 0xA4], Interrupts.Parameters->MemoryBytes - 16, 0, Interrupts.Parameters->MemoryBytes); break;
            case 3: Memory("fxsave-beyond"u8, [0x0F, 0xAE, 0x07], Hole, 0, 0); break;
            case 4: Memory("locked-beyond"u8, [0xF0, 0x83, 0x07, 0x01], Hole, 0, Hole); break;
            case 5: Memory("sgdt-beyond"u8, [0x0F, 0x01, 0x07], Hole, 0, Hole); break;
            case 6: Memory("ioapic-word"u8, [0x66, 0x8B, 0x07], IoApic, 0, IoApic); break;
            case 7: Memory("ioapic-quad"u8, [0x48, 0x8B, 0x07], IoApic, 0, IoApic); break;
            case 8: Memory("ioapic-locked"u8, [0xF0, 0x83, 0x07, 0x01], IoApic, 0, IoApic); break;
            case 9: Memory("ioapic-string"u8, [0xA5], IoApic, 0, IoApic); break;
            case 10: Memory("ioapic-test"u8, [0x85, 0x07], IoApic, 0, IoApic); break;
            case 11: Memory("ioapic-vector"u8, [0x0F, 0x28, 0x07], IoApic, 0, 0); break;
            case 12: Memory("ioapic-stack"u8, [0x48, 0x89, 0xFC, 0x50], IoApic + 0x18, 3, IoApic + 0x10); break;
            case 13: NarrowIoApic(); break;
            case 14: InterruptTable(); break;
            case 15: DescriptorTable(); break;
            case 16:
                About("task-switch-beyond"u8, StopCause.MemoryViolation);
                Cpu.TaskJump(0x40);
                break;
            case 17:
                About("task-switch-corrupt"u8, StopCause.TripleFault);
                for (int i = 0; i < 32; i++) ((uint*)0x91_0000)[i] = 0xFFFF_FFFF;
                Interrupts.LoadIdt(0, 0);
                Cpu.TaskJump(0x48);
                break;
            case 18:
                About("task-gate-beyond"u8, StopCause.MemoryViolation);
                ((ulong*)Scratch)[3] = 0x0000_8500_0040_0000;
                Cpu.TaskGate((void*)Scratch);
                break;
            case 19:
                About("real-mode-endless"u8, StopCause.Requested);
                Cpu.RealMode();
                break;
            case 20:
                About("no-interrupt-table"u8, StopCause.TripleFault);
                Interrupts.LoadIdt(0, 0);
                Probe.Run([0x0F, 0x0B]);
                break;
            case 21:
                About("corrupt-interrupt-table"u8, StopCause.TripleFault);
                for (int i = 0; i < 512; i++) ((ulong*)Scratch)[i] = 0xFFFF_FFFF_FFFF_FFFF;
                Interrupts.LoadIdt(Scratch, 4095);
                Probe.Run([0x0F, 0x0B]);
                break;
            case 22:
                About("no-stack"u8, StopCause.TripleFault);
                Probe.Run([0x48, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x48, 0x89, 0xC4, 0x0F, 0x0B]);
                break;
            case 23: Port("reset-cf9-6"u8, StopCause.Reset, 0xCF9, 6); break;
            case 24: Port("reset-cf9-e"u8, StopCause.Reset, 0xCF9, 0x0E); break;
            case 25: Port("reset-keyboard"u8, StopCause.Reset, 0x64, 0xFE); break;
            case 26: Port("reset-port-92"u8, StopCause.Reset, 0x92, 1); break;
            case 27: Port("sleep"u8, StopCause.PowerOff, 0x604, 0x34); break;
            case 28: Init("init-own"u8, (ulong)Interrupts.Parameters->OwnId << 32); break;
            case 29: Init("init-broadcast"u8, 0xFFFF_FFFFul << 32); break;
            case 30: Init("init-own-bit"u8, (1ul << (int)Interrupts.Parameters->OwnId << 32) | 0x800); break;
            case 31: Pending("pending-0-15"u8, 0, 16); break;
            case 32: Pending("pending-16-31"u8, 16, 32); break;
            case 33: Pending("pending-all"u8, 0, 256); break;
            case 34:
                Cpu.WriteMsr(Interrupts.TaskPriority, 0xFF);
                Pending("pending-priority-15"u8, 0, 256);
                break;
            case 35:
                Cpu.WriteMsr(Interrupts.Spurious, 0x00);
                Pending("pending-apic-off"u8, 0, 256);
                break;
            case 36: InService(); break;
            case 37: TimerRuns(); break;
            case 38:
                About("halted-for-good"u8, StopCause.Requested);
                Cpu.Halt();
                break;
            case 39:
                About("single-step-endless"u8, StopCause.Requested);
                Gate(Gates, 1, Back);
                // PUSHF; OR [rsp], 100h; POPF; JMP $
                Loop([0x9C, 0x48, 0x81, 0x0C, 0x24, 0, 1, 0, 0, 0x9D, 0xEB, 0xFE]);
                break;
            case 40: AlignmentEndless(); break;
            case 41: DebugEndless(); break;
            case 42:
                About("exits-endless"u8, StopCause.Requested);
                Loop([0x0F, 0xA2, 0xEB, 0xFC]);
                break;
            case 43:
                About("halted-apic-off"u8, StopCause.Requested);
                Cpu.WriteMsr(Interrupts.Spurious, 0);
                Cpu.Halt();
                break;
            case 44: Mode("protection-off"u8, [0x0F, 0x20, 0xC0, 0x24, 0xFE, 0x0F, 0x22, 0xC0, 0xEB, 0xFE]); break;
            case 45: Mode("paging-off"u8, [0x0F, 0x20, 0xC0, 0x0F, 0xBA, 0xF0, 0x1F, 0x0F, 0x22, 0xC0, 0xEB, 0xFE]); break;
            case 46: Mode("wide-addresses-off"u8, [0x0F, 0x20, 0xE0, 0x0F, 0xBA, 0xF0, 0x05, 0x0F, 0x22, 0xE0, 0xEB, 0xFE]); break;
            case >= 47 and < 69: ControlBit("cr4-bit"u8, [0x0F, 0x20, 0xE0, 0x48, 0x31, 0xF8, 0x0F, 0x22, 0xE0, 0x50, 0x0F, 0xA2, 0xEB, 0xFB], Cr4Bits[number - 47]); break;
            case >= 69 and < 72: ControlBit("cr0-bit"u8, [0x0F, 0x20, 0xC0, 0x48, 0x31, 0xF8, 0x0F, 0x22, 0xC0, 0x0F, 0xA2, 0xEB, 0xFC], number switch { 69 => 29, 70 => 32, _ => 63 }); break;
            case 72: ControlBit("cr3-bit"u8, [0x0F, 0x20, 0xD8, 0x48, 0x31, 0xF8, 0x0F, 0x22, 0xD8, 0x0F, 0xA2, 0xEB, 0xFC], 63); break;
            case 73: Memory("ioapic-across-the-start"u8, [0x89, 0x07], IoApic - 2, 0, 0); break;
            case 74: Memory("ioapic-string-from-memory"u8, [0xF3, 0xA5], IoApic, 0, IoApic); break;
            case 75: NmiHandlerEndless(); break;
            case 76: Soil.Everything(); break;
            default:
                Serial.Text("ABOUT none 0 0 0 0 0\n"u8);
                return;
        }
        Survived(Probe.None);
    }

    /// <summary>RDI is the address; at is where in the code the access stands.</summary>
    private static void Memory(ReadOnlySpan<byte> name, ReadOnlySpan<byte> code, ulong address, uint at, ulong detail)
    {
        // An access by which tables are walked has no instruction to blame, and a new CR3.
        bool tables = name.Length == 13;
        About(name, StopCause.MemoryViolation, tables ? 0 : (ulong)Symbols.ProbeCode + at, detail);
        Registers registers = default;
        registers.Rdi = address;
        registers.Rsi = Scratch;
        registers.Rcx = 64;
        Survived(Probe.Run(code, ref registers));
    }

    private static void NarrowIoApic()
    {
        About("ioapic-compatibility-mode"u8, StopCause.MemoryViolation, (ulong)Symbols.ProbeCode, IoApic);
        Registers registers = default;
        registers.Rdi = IoApic;
        Survived(Probe.RunNarrow([0x8B, 0x07], ref registers));
    }

    private static void InterruptTable()
    {
        About("interrupt-table-beyond"u8, StopCause.MemoryViolation, (ulong)Symbols.ProbeCode, Hole + 0x60);
        Interrupts.LoadIdt(Hole, 4095);
        Survived(Probe.Run([0x0F, 0x0B]));
    }

    private static void DescriptorTable()
    {
        About("descriptor-table-beyond"u8, StopCause.MemoryViolation, (ulong)Symbols.ProbeCode + 3, Hole + 0x18);
        Registers registers = default;
        registers.Rdi = Scratch;
        registers.Rax = 0x18;
        *(ushort*)Scratch = 0xFF;
        *(ulong*)(Scratch + 2) = Hole;
        Survived(Probe.Run([0x0F, 0x01, 0x17, 0x8E, 0xD8], ref registers));
    }

    private static void Port(ReadOnlySpan<byte> name, StopCause cause, uint port, uint value)
    {
        About(name, cause);
        Cpu.Out8(port, value);
    }

    private static void Init(ReadOnlySpan<byte> name, ulong destination)
    {
        About(name, StopCause.Requested);
        Interrupts.Send(destination | 0x4500);
    }

    /// <summary>Interrupts requested and never taken, when the partition dies.</summary>
    private static void Pending(ReadOnlySpan<byte> name, uint first, uint end)
    {
        About(name, StopCause.TripleFault);
        for (uint vector = first; vector < end; vector++) Probe.WriteMsr(Interrupts.SelfIpi, vector);
        Interrupts.LoadIdt(0, 0);
        Probe.Run([0x0F, 0x0B]);
    }

    /// <summary>Interrupts taken and never ended: every priority class in service, lowest first.</summary>
    private static void InService()
    {
        About("in-service-all"u8, StopCause.TripleFault);
        for (int vector = 0; vector < 256; vector++)
        {
            // Every gate leads to the stub that ends no interrupt.
            Gate((ulong*)Scratch, vector, Back);
        }
        Interrupts.LoadIdt(Scratch, 4095);
        for (uint vector = 1; vector < 256; vector += vector < 32 ? 1u : 16)
        {
            if (vector == 2) continue;
            Probe.WriteMsr(Interrupts.SelfIpi, vector);
            Interrupts.Settle(10);
        }
        for (uint vector = 16; vector < 256; vector += 7) Probe.WriteMsr(Interrupts.SelfIpi, vector);
        Interrupts.LoadIdt(0, 0);
        Probe.Run([0x0F, 0x0B]);
    }

    private static void TimerRuns()
    {
        About("timer-low-vector"u8, StopCause.TripleFault);
        Cpu.WriteMsr(Interrupts.Divide, 0xB);
        Cpu.WriteMsr(Interrupts.TimerVector, 0x2_0003);
        Cpu.WriteMsr(Interrupts.InitialCount, Interrupts.Millisecond);
        Interrupts.Wait(5000);
        Interrupts.LoadIdt(0, 0);
        Probe.Run([0x0F, 0x0B]);
    }

    /// <summary>What a processor refuses with #GP and QEMU does not: how the partition ends is its own affair, that it ends is not.</summary>
    private static void Mode(ReadOnlySpan<byte> name, ReadOnlySpan<byte> code)
    {
        About(name, Any);
        Loop(code);
    }

    /// <summary>Flips a bit, then exits for ever.</summary>
    private static void ControlBit(ReadOnlySpan<byte> name, ReadOnlySpan<byte> code, int bit)
    {
        About(name, Any, 0, 0, (ulong)bit);
        Registers registers = default;
        registers.Rdi = 1UL << bit;
        Survived(Probe.Run(code, ref registers));
    }

    private static void Loop(ReadOnlySpan<byte> code)
    {
        Registers registers = default;
        Survived(Probe.Run(code, ref registers));
    }

    /// <summary>Interrupt descriptor table of the payload.</summary>
    private static ulong* Gates => (ulong*)0x3000;

    /// <summary>A handler that returns to where it came from. The stub drops an error code first, which these exceptions and interrupts do not have.</summary>
    private static ulong Back => (ulong)Symbols.RetryStub + 4;

    /// <param name="stack">Of the interrupt stack table; 0: the one in use.</param>
    private static void Gate(ulong* table, int vector, ulong handler, ulong stack = 0)
    {
        table[vector * 2] = (handler & 0xFFFF) | (0x10UL << 16) | ((0x8E00 | stack) << 32) | ((handler >> 16 & 0xFFFF) << 48);
        table[vector * 2 + 1] = handler >> 32;
    }

    /// <summary>Ring 3 reads at an odd address; the handler goes back to the same instruction. An emulator without #AC reads for ever.</summary>
    private static void AlignmentEndless()
    {
        About("alignment-endless"u8, StopCause.Requested);
        Gate(Gates, 17, (ulong)Symbols.RetryStub);
        Probe.Run([0x0F, 0x20, 0xC0, 0x0F, 0xBA, 0xE8, 0x12, 0x0F, 0x22, 0xC0]);
        Registers registers = default;
        registers.Rdi = Scratch + 1;
        Survived(Probe.RunUser([0x8B, 0x07, 0xEB, 0xFC], ref registers, 2 | (1 << 18)));
    }

    /// <summary>The handler of an NMI that never returns holds off all that come after it.</summary>
    private static void NmiHandlerEndless()
    {
        About("nmi-handler-endless"u8, StopCause.Requested);
        // JMP $
        *(ushort*)Scratch = 0xFEEB;
        Gate(Gates, 2, Scratch);
        Interrupts.Send(((ulong)Interrupts.Parameters->OwnId << 32) | 0x4400);
        Interrupts.Wait(5000);
    }

    /// <summary>
    /// Delivering #DB writes to a stack slot that a data breakpoint watches, so delivering it raises the next one:
    /// the endless microcode loop of CVE-2015-8104. An emulator that looks at no breakpoint while it delivers loops behind ICEBP.
    /// </summary>
    private static void DebugEndless()
    {
        About("debug-endless"u8, StopCause.Requested);
        *(ulong*)(Symbols.TaskState + 36) = Scratch + 0x1000;       // IST1
        Gate(Gates, 1, Back, stack: 1);
        Registers registers = default;
        registers.Rax = Scratch + 0x1000 - 40;
        registers.Rdx = 0x0009_0403;                                // DR0: 8 bytes, writes
        // DR0 = RAX; DR7 = RDX; ICEBP
        Loop([0x0F, 0x23, 0xC0, 0x0F, 0x23, 0xFA, 0xF1, 0xEB, 0xFE]);
    }

    /// <summary>Fills what a core holds, then dies: <see cref="Residue"/> looks for it in the next owner's core.</summary>
    private static class Soil
    {
        public static void Everything()
        {
            About("soiled"u8, StopCause.TripleFault);
            const ulong Value = 0x1357_9BDF;
            for (uint msr = 0xC000_0081; msr <= 0xC000_0084; msr++) Probe.WriteMsr(msr, Value);
            for (uint msr = 0xC000_0100; msr <= 0xC000_0103; msr++) Probe.WriteMsr(msr, Value);
            for (uint msr = 0x174; msr <= 0x176; msr++) Probe.WriteMsr(msr, Value);
            Probe.WriteMsr(0x277, 0);
            Probe.WriteMsr(0x48, 1);
            Registers registers = default;
            registers.Rax = Value;
            // DR0-DR3, CR2, CR8 = 9
            Probe.Run([0x0F, 0x23, 0xC0, 0x0F, 0x23, 0xC8, 0x0F, 0x23, 0xD0, 0x0F, 0x23, 0xD8, 0x0F, 0x22, 0xD0, 0xB8, 9, 0, 0, 0, 0x44, 0x0F, 0x22, 0xC0], ref registers);
            Cpu.WriteMsr(0x835, 0x1_0465);
            Cpu.WriteMsr(Interrupts.Divide, 0xB);
            Cpu.WriteMsr(Interrupts.TimerVector, 0x2_0066);
            Cpu.WriteMsr(Interrupts.InitialCount, Interrupts.Millisecond);
            for (uint vector = 32; vector < 256; vector += 16) Probe.WriteMsr(Interrupts.SelfIpi, vector);
            for (ulong at = 0x40_0000; at < Interrupts.Parameters->MemoryBytes; at += 8) *(ulong*)at = Value;
            Cpu.SoilVectors();
            Interrupts.LoadIdt(0, 0);
            Probe.Run([0x0F, 0x0B]);
        }
    }
}
