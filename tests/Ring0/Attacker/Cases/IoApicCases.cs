namespace Osv.Ring0.Attacker.Cases;

/// <summary>The virtual I/O APIC: entries aimed at cores of others, with every delivery mode, then its line is raised.</summary>
public static unsafe class IoApicCases
{
    private const uint Select = 0xFEC0_0000, Window = 0xFEC0_0010, Pin = 4, Version = 0x17_0011;
    private const uint LineEnable = 0x3F9, LineIdentify = 0x3FA, TransmitterInterrupt = 2;
    private const int Vector = 0x54;

    public static void Run()
    {
        for (uint mode = 0; mode < 8; mode++)
            for (int destination = 0; destination < 5; destination++)
                for (uint logical = 0; logical < 2; logical++)
                    Aim(mode, destination, logical);
        for (uint vector = 0; vector < 16; vector++) LowVector(vector);
        Registers();
        CrossingInstruction();
        AcrossTheEnd();
    }

    /// <summary>Half of the access lies beyond the page: no register is there, and nothing of what lies behind is reached.</summary>
    private static void AcrossTheEnd()
    {
        Case.Name("ioapic-access-across-end"u8);
        Registers registers = default;
        registers.Rdi = Select + 0xFFE;
        registers.Rax = 0xFFFF_FFFF;
        // MOV [RDI], EAX; MOV EAX, [RDI]
        uint fault = Probe.Run([0x89, 0x07, 0x8B, 0x07], ref registers);
        Case.Verdict(fault == Probe.None && registers.Rax == 0, "reads as zero"u8, registers.Rax, fault);
    }

    /// <summary>The instruction lies across the end of a page, and then of a large page.</summary>
    private static void CrossingInstruction()
    {
        for (ulong boundary = 0x80_1000; boundary <= 0xA0_0000; boundary += 0x1F_F000)
        {
            for (uint before = 1; before < 6; before++)
            {
                Case.Name("ioapic-instruction-across-page"u8);
                Case.AndHex(boundary);
                Case.AndHex(before);
                // MOV dword [RDI], 1 (C7 07 imm32); MOV EAX, [RDI + 10h] (8B 47 10); RET
                byte* code = (byte*)(boundary - before);
                System.ReadOnlySpan<byte> bytes = [0xC7, 0x07, 1, 0, 0, 0, 0x8B, 0x47, 0x10, 0xC3];
                for (int i = 0; i < bytes.Length; i++) code[i] = bytes[i];
                Registers registers = default;
                registers.Rdi = Select;
                uint fault = Cpu.Probe(code, &registers, 0, 0);
                Case.Verdict(fault == Probe.None && registers.Rax == Version, "carried out"u8, registers.Rax, fault);
            }
        }
    }

    private static void Aim(uint mode, int destination, uint logical)
    {
        Case.Name("ioapic-mode"u8);
        Case.AndHex(mode);
        Case.And(logical == 0 ? "physical"u8 : "logical"u8);
        Case.And(destination switch { 0 => "own"u8, 1 => "neighbour"u8, 2 => "management"u8, 3 => "broadcast"u8, _ => "extended"u8 });
        Parameters* own = Interrupts.Parameters;
        uint high = destination switch
        {
            0 => own->OwnId << 24,
            1 => own->NeighbourId << 24,
            2 => own->ManagementId << 24,
            3 => 0xFF00_0000,
            _ => 0xFFFE_0000 | own->OwnId << 24,
        };
        CoreState.Clear(Symbols.State(0));
        Program(high, (logical << 11) | (mode << 8) | Vector);
        RaiseLine();
        ulong seen = CoreState.Count(Symbols.State(0), Vector), others = CoreState.Others(Symbols.State(0), Vector);
        bool own1 = destination == 0 && logical == 0 && mode <= 1;
        Case.Verdict(others == 0 && (own1 ? seen == 1 : seen == 0), own1 ? "one interrupt"u8 : "no interrupt seen"u8, seen, others);
    }

    private static void LowVector(uint vector)
    {
        Case.Name("ioapic-vector"u8);
        Case.AndHex(vector);
        CoreState.Clear(Symbols.State(0));
        Program(Interrupts.Parameters->OwnId << 24, vector);
        RaiseLine();
        ulong seen = CoreState.Others(Symbols.State(0), -1);
        Case.Verdict(seen == 0, "no interrupt seen"u8, seen);
    }

    /// <summary>Every register number, written full of ones: masked and without effect, and none past the last pin.</summary>
    private static void Registers()
    {
        for (uint register = 0; register < 256; register++)
        {
            Cpu.Store32((void*)Select, register);
            Cpu.Store32((void*)Window, 0xFFFF_FFFF);
        }
        Case.Name("ioapic-registers-all-ones"u8);
        CoreState.Clear(Symbols.State(0));
        RaiseLine();
        ulong seen = CoreState.Others(Symbols.State(0), -1);
        Case.Verdict(seen == 0, "no interrupt seen"u8, seen);

        Case.Name("ioapic-page-sweep"u8);
        ulong strange = 0;
        for (uint offset = 0x20; offset < 0x1000; offset += 4)
        {
            Cpu.Store32((void*)(Select + offset), 0xFFFF_FFFF);
            if (Cpu.Load32((void*)(Select + offset)) != 0) strange++;
        }
        Case.Verdict(strange == 0, "reads as zero"u8, strange);
    }

    private static void Program(uint high, uint low)
    {
        Cpu.Store32((void*)Select, 0x10 + Pin * 2 + 1);
        Cpu.Store32((void*)Window, high);
        Cpu.Store32((void*)Select, 0x10 + Pin * 2);
        Cpu.Store32((void*)Window, low);
    }

    /// <summary>The transmitter is always empty: enabling its interrupt is a rising edge.</summary>
    private static void RaiseLine()
    {
        Cpu.Out8(LineEnable, TransmitterInterrupt);
        Interrupts.Settle();
        Cpu.In8(LineIdentify);
        Cpu.Out8(LineEnable, 0);
        Cpu.In8(LineIdentify);
    }
}
