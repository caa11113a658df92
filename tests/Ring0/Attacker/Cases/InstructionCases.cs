using System;

namespace Osv.Ring0.Attacker.Cases;

/// <summary>Instructions that could leave a partition, in ring 0 and in ring 3: world switch, caches, extended state, system management.</summary>
public static unsafe class InstructionCases
{
    private const uint InputOutputLevel = 3 << 12, AlignmentFlag = 1 << 18;

    public static void Run()
    {
        WorldSwitch();
        Caches();
        ExtendedState();
        Waiting();
        Foreign();
        SoftwareInterrupts();
        Prefixed();
        UserMode();
        DebugExceptions();
    }

    private static void WorldSwitch()
    {
        for (int i = 0; i < 4; i++)
        {
            ulong rax = i switch { 0 => 0ul, 1 => 0x90_0000, 2 => 0xC000_0000, _ => 0xFFFF_FFFF_FFFF_FFFF };
            Undefined("vmrun"u8, [0x0F, 0x01, 0xD8], rax);
            Undefined("vmmcall"u8, [0x0F, 0x01, 0xD9], rax);
            Undefined("vmload"u8, [0x0F, 0x01, 0xDA], rax);
            Undefined("vmsave"u8, [0x0F, 0x01, 0xDB], rax);
            Undefined("stgi"u8, [0x0F, 0x01, 0xDC], rax);
            Undefined("clgi"u8, [0x0F, 0x01, 0xDD], rax);
            Undefined("skinit"u8, [0x0F, 0x01, 0xDE], rax);
            Undefined("invlpga"u8, [0x0F, 0x01, 0xDF], rax);
        }
        Undefined("vmcall"u8, [0x0F, 0x01, 0xC1], 0);
        Undefined("vmlaunch"u8, [0x0F, 0x01, 0xC2], 0);
        Undefined("rsm"u8, [0x0F, 0xAA], 0);
        Undefined("getsec"u8, [0x0F, 0x37], 0);
        Undefined("psmash"u8, [0xF3, 0x0F, 0x01, 0xFF], 0x90_0000);
        Undefined("pvalidate"u8, [0xF2, 0x0F, 0x01, 0xFF], 0x90_0000);
        Undefined("rmpupdate"u8, [0xF2, 0x0F, 0x01, 0xFE], 0x90_0000);
    }

    private static void Undefined(ReadOnlySpan<byte> name, ReadOnlySpan<byte> code, ulong rax)
    {
        Case.Name("instruction"u8);
        Case.And(name);
        Case.AndHex(rax);
        Registers registers = default;
        registers.Rax = rax;
        uint fault = Probe.Run(code, ref registers);
        // A VMCB address that is not aligned may be what is complained about first.
        bool misaligned = (rax & 0xFFF) != 0 && fault == Probe.Protection;
        Case.Verdict(fault == Probe.Undefined || misaligned, "#UD"u8, fault);
    }

    /// <summary>What was written before is there after: nothing is thrown away.</summary>
    private static void Caches()
    {
        Keeps("invd"u8, [0x0F, 0x08]);
        Keeps("wbinvd"u8, [0x0F, 0x09]);
        Keeps("invlpg-beyond"u8, [0x0F, 0x01, 0x3F]);
        Keeps("clflush-own"u8, [0x0F, 0xAE, 0x3E]);
        Keeps("prefetch-beyond"u8, [0x0F, 0x18, 0x0F]);
    }

    private static void Keeps(ReadOnlySpan<byte> name, ReadOnlySpan<byte> code)
    {
        Case.Name("cache"u8);
        Case.And(name);
        ulong* memory = (ulong*)0x90_0000;
        for (int i = 0; i < 512; i++) memory[i] = (ulong)i * 0x0101_0101_0101;
        Registers registers = default;
        registers.Rdi = 0xC000_0000;
        registers.Rsi = 0x90_0000;
        uint fault = Probe.Run(code, ref registers);
        ulong lost = 0;
        for (int i = 0; i < 512; i++)
            if (Cpu.Load64(memory + i) != (ulong)i * 0x0101_0101_0101) lost++;
        Case.Verdict(fault == Probe.None && lost == 0, "memory kept"u8, lost, fault);
    }

    private static void ExtendedState()
    {
        Xcr("zero"u8, 0, 0, false);
        Xcr("no-x87"u8, 0, 2, false);
        Xcr("avx-without-sse"u8, 0, 5, false);
        Xcr("reserved-8"u8, 0, 0x107, false);
        Xcr("part-of-avx512"u8, 0, 0x27, false);
        Xcr("bndregs-alone"u8, 0, 0x0F, false);
        Xcr("lwp"u8, 0, 0x4000_0000_0000_0007, false);
        Xcr("ones"u8, 0, 0xFFFF_FFFF_FFFF_FFFF, false);
        Xcr("register-1"u8, 1, 7, false);
        Xcr("register-ones"u8, 0xFFFF_FFFF, 7, false);
        Xcr("x87"u8, 0, 1, true);
        Xcr("sse"u8, 0, 3, true);
        Xcr("avx"u8, 0, 7, true);
        // MXCSR with every exception open, and an x87 exception pending, across exits.
        Case.Name("xsetbv-open-exceptions"u8);
        Registers registers = default;
        registers.Rdi = 0x90_0000;
        *(uint*)0x90_0000 = 0;
        *(uint*)0x90_0004 = 0x1F80;
        *(ushort*)0x90_0008 = 0x037F;
        *(ushort*)0x90_000A = 0;
        // LDMXCSR [rdi]; FLDCW [rdi+10]; FLD1; FLDZ; FDIVP; CPUID; OUT 80h,AL; FNCLEX; FLDCW [rdi+8]; LDMXCSR [rdi+4]
        uint fault = Probe.Run(
            [0x0F, 0xAE, 0x17, 0xD9, 0x6F, 0x0A, 0xD9, 0xE8, 0xD9, 0xEE, 0xDE, 0xF9, 0x0F, 0xA2, 0xE6, 0x80, 0xDB, 0xE2, 0xD9, 0x6F, 0x08, 0x0F, 0xAE, 0x57, 0x04],
            ref registers);
        Case.Verdict(fault == Probe.None, "only its own trouble"u8, fault);
    }

    private static void Xcr(ReadOnlySpan<byte> name, ulong register, ulong value, bool legal)
    {
        Case.Name("xsetbv"u8);
        Case.And(name);
        Registers registers = default;
        registers.Rcx = register;
        registers.Rax = value & 0xFFFF_FFFF;
        registers.Rdx = value >> 32;
        uint fault = Probe.Run([0x0F, 0x01, 0xD1], ref registers);
        registers = default;
        uint read = Probe.Run([0x0F, 0x01, 0xD0], ref registers);
        ulong now = registers.Rax & 0xFFFF_FFFF;
        bool ok = legal ? fault == Probe.None && now == value : fault == Probe.Protection && (register != 0 || now != value);
        Case.Verdict(ok && read == Probe.None, legal ? "taken"u8 : "#GP"u8, now, fault);
    }

    /// <summary>MWAIT with an interrupt already pending goes on; the address that is watched may be anybody's.</summary>
    private static void Waiting()
    {
        for (int i = 0; i < 3; i++)
        {
            Case.Name("monitor"u8);
            ulong address = i switch { 0 => 0x90_0000ul, 1 => 0xC000_0000, _ => 0x8000_0000_0000_0000 };
            Case.AndHex(address);
            Registers registers = default;
            registers.Rax = address;
            uint fault = Probe.Run([0x0F, 0x01, 0xC8], ref registers);
            Case.Verdict(fault is Probe.None or Probe.Undefined or Probe.Protection, "no harm"u8, fault);
        }
        Case.Name("mwait-pending"u8);
        Cpu.WriteMsr(Interrupts.SelfIpi, 0x55);
        Registers none = default;
        uint ended = Probe.Run([0xFB, 0x0F, 0x01, 0xC9, 0xFA], ref none);
        Interrupts.Settle();
        Case.Verdict(ended is Probe.None or Probe.Undefined, "goes on"u8, ended);
    }

    /// <summary>Addresses with bits above the physical width: reserved in a page table, so a fault of the guest's own.</summary>
    private static void Foreign()
    {
        Registers registers = default;
        registers.Rax = 0x8000_0008;
        Probe.Run([0x0F, 0xA2], ref registers);
        int width = (int)(registers.Rax & 0xFF);
        for (int bit = 40; bit < 52; bit++)
        {
            // Narrower than the processor's width these are ordinary addresses: Endings has them.
            if (bit < width) continue;
            for (int access = 0; access < 3; access++)
            {
                Case.Name("memory-reserved-bit"u8);
                Case.AndHex((ulong)bit);
                Case.And(access switch { 0 => "read"u8, 1 => "write"u8, _ => "execute"u8 });
                Symbols.FarTable[1] = (1UL << bit) | 0x87;
                Probe.Run([0x0F, 0x20, 0xD8, 0x0F, 0x22, 0xD8]);        // reload CR3
                registers = default;
                registers.Rdi = 0x80_4000_0000;
                uint fault = access switch { 0 => Probe.Run([0x8A, 0x07], ref registers), 1 => Probe.Run([0x88, 0x07], ref registers), _ => Probe.Run([0xFF, 0xE7], ref registers) };
                ulong error = Probe.State->Error;
                Case.Verdict(fault == Probe.Page && (error & 8) != 0, "#PF, reserved bit"u8, fault, error);
            }
        }
        Symbols.FarTable[1] = 0;
        Probe.Run([0x0F, 0x20, 0xD8, 0x0F, 0x22, 0xD8]);
    }

    /// <summary>INT n with the vectors of events that the monitor watches for: these are not those events.</summary>
    private static void SoftwareInterrupts()
    {
        Software("int-1"u8, [0xCD, 0x01], 1);
        Software("int-17"u8, [0xCD, 0x11], 17);
        Software("int-18"u8, [0xCD, 0x12], 18);
        Software("int-8"u8, [0xCD, 0x08], 8);
        Case.Name("int-2"u8);
        CoreState.Clear(Symbols.State(0));
        uint fault = Probe.Run([0xCD, 0x02]);
        ulong seen = CoreState.Count(Symbols.State(0), 2);
        Case.Verdict(fault == Probe.None && seen == 1, "its own handler"u8, seen, fault);
    }

    private static void Software(ReadOnlySpan<byte> name, ReadOnlySpan<byte> code, uint vector)
    {
        Case.Name(name);
        uint seen = Probe.Run(code);
        Case.Verdict(seen == vector, "its own handler"u8, seen);
    }

    private static void UserMode()
    {
        User("vmmcall"u8, [0x0F, 0x01, 0xD9], 0, Probe.Undefined);
        User("vmrun"u8, [0x0F, 0x01, 0xD8], 0, Probe.Protection, Probe.Undefined);
        User("stgi"u8, [0x0F, 0x01, 0xDC], 0, Probe.Protection, Probe.Undefined);
        User("xsetbv"u8, [0x0F, 0x01, 0xD1], 0, Probe.Protection);
        // #GP comes before the intercept on a processor, after it in QEMU.
        User("invd"u8, [0x0F, 0x08], 0, Probe.Protection);
        User("wbinvd"u8, [0x0F, 0x09], 0, Probe.Protection);
        User("rdmsr"u8, [0x0F, 0x32], 0, Probe.Protection);
        User("wrmsr"u8, [0x0F, 0x30], 0, Probe.Protection);
        User("hlt"u8, [0xF4], 0, Probe.Protection);
        User("out-without-level"u8, [0xE6, 0x80], 0, Probe.Protection);
        User("out-with-level"u8, [0xE6, 0x80], InputOutputLevel, Probe.None);
        User("in-with-level"u8, [0xE4, 0x60], InputOutputLevel, Probe.None);
        User("read-mapped"u8, [0x8A, 0x04, 0x25, 0x00, 0x00, 0x90, 0x00], 0, Probe.None);
        // CPUID in ring 3 ends the boot phase of this core; what must be closed stays closed after it.
        User("cpuid"u8, [0x0F, 0xA2], 0, Probe.None);
        User("cpuid-again"u8, [0x31, 0xC0, 0x0F, 0xA2], 0, Probe.None);
        Undefined("stgi-run-phase"u8, [0x0F, 0x01, 0xDC], 0);
        Undefined("vmrun-run-phase"u8, [0x0F, 0x01, 0xD8], 0);
        Undefined("vmmcall-run-phase"u8, [0x0F, 0x01, 0xD9], 0);
    }

    private static void User(ReadOnlySpan<byte> name, ReadOnlySpan<byte> code, uint flags, uint expected) => User(name, code, flags, expected, expected);

    private static void User(ReadOnlySpan<byte> name, ReadOnlySpan<byte> code, uint flags, uint expected, uint orElse)
    {
        Case.Name("user"u8);
        Case.And(name);
        Registers registers = default;
        uint fault = Probe.RunUser(code, ref registers, 2 | flags);
        Case.Verdict(fault == expected || fault == orElse, expected == Probe.None ? "its own"u8 : "refused or ignored"u8, fault, expected);
    }

    /// <summary>Intercepted instructions with prefixes: the guest goes on after the whole instruction.</summary>
    private static void Prefixed()
    {
        Length("wbnoinvd"u8, [0xF3, 0x0F, 0x09, 0xB3, 0x5A]);
        Length("rex-wbinvd"u8, [0x48, 0x0F, 0x09, 0xB3, 0x5A]);
        Length("rex-cpuid"u8, [0x48, 0x0F, 0xA2, 0xB3, 0x5A]);
        Length("data-cpuid"u8, [0x66, 0x0F, 0xA2, 0xB3, 0x5A]);
        Length("rex-out"u8, [0x48, 0xE6, 0x80, 0xB3, 0x5A]);
        LengthMsr("rex-rdmsr"u8, [0x48, 0x0F, 0x32, 0xB3, 0x5A], 0xFE);
        LengthMsr("many-prefixes-rdmsr"u8, [0x2E, 0x3E, 0x66, 0x48, 0x0F, 0x32, 0xB3, 0x5A], 0xFE);
    }

    private static void Length(ReadOnlySpan<byte> name, ReadOnlySpan<byte> code) => LengthMsr(name, code, 0);

    private static void LengthMsr(ReadOnlySpan<byte> name, ReadOnlySpan<byte> code, ulong rcx)
    {
        Case.Name("length"u8);
        Case.And(name);
        Registers registers = default;
        registers.Rcx = rcx;
        registers.R8 = 0x90_0000;
        uint fault = Probe.Run(code, ref registers);
        Case.Verdict(fault == Probe.None && (registers.Rbx & 0xFF) == 0x5A, "goes on behind it"u8, registers.Rbx, fault);
    }

    /// <summary>#DB and #AC reach the guest whose they are, one for one.</summary>
    private static void DebugExceptions()
    {
        Case.Name("single-step"u8);
        CoreState.Clear(Symbols.State(0));
        // PUSHF; OR [rsp], 100h; POPF; 4 x NOP; CPUID; NOP; PUSHF; AND [rsp], ~100h; POPF
        uint fault = Probe.Run([0x9C, 0x48, 0x81, 0x0C, 0x24, 0, 1, 0, 0, 0x9D, 0x90, 0x90, 0x90, 0x90, 0x0F, 0xA2, 0x90, 0x9C, 0x48, 0x81, 0x24, 0x24, 0xFF, 0xFE, 0xFF, 0xFF, 0x9D]);
        ulong seen = Fired(fault);
        Case.Verdict(seen != 0, "#DB"u8, seen, fault);

        Case.Name("icebp"u8);
        CoreState.Clear(Symbols.State(0));
        fault = Probe.Run([0xF1]);
        Case.Verdict(fault == Probe.Debug, "#DB"u8, fault);

        for (int kind = 0; kind < 3; kind++) Breakpoints(kind);

        Case.Name("alignment-user"u8);
        Registers registers = default;
        registers.Rdi = 0x90_0001;
        // CR0.AM on; only ring 3 is checked.
        Probe.Run([0x0F, 0x20, 0xC0, 0x0F, 0xBA, 0xE8, 0x12, 0x0F, 0x22, 0xC0]);
        uint misaligned = Probe.RunUser([0x8B, 0x07], ref registers, 2 | AlignmentFlag);
        ulong error = Probe.State->Error;
        Probe.Run([0x0F, 0x20, 0xC0, 0x0F, 0xBA, 0xF0, 0x12, 0x0F, 0x22, 0xC0]);
        // QEMU 10.0 does not check alignment.
        Case.Verdict(misaligned == Probe.None || (misaligned == Probe.Alignment && error == 0), "#AC with error code 0, or unchecked"u8, misaligned, error);
    }

    private static ulong Fired(uint fault) => fault == Probe.Debug ? 1 : CoreState.Count(Symbols.State(0), 1);

    /// <summary>Hardware breakpoints at addresses where the monitor has code, its image and data, across exits of all kinds.</summary>
    private static void Breakpoints(int kind)
    {
        Case.Name("breakpoint-in-monitor"u8);
        Case.And(kind switch { 0 => "execute"u8, 1 => "write"u8, _ => "access"u8 });
        Registers registers = default;
        registers.Rax = Interrupts.Parameters->MonitorCode0;
        registers.Rbx = Interrupts.Parameters->MonitorCode1;
        registers.Rcx = 0x10_0000;
        registers.Rdx = kind switch { 0 => 0x0000_00FFul | 0x400, 1 => 0xDDDD_00FF | 0x400, _ => 0xFFFF_00FF | 0x400 };
        // DR0-DR3, DR7
        uint fault = Probe.Run([0x0F, 0x23, 0xC0, 0x0F, 0x23, 0xCB, 0x0F, 0x23, 0xD1, 0x0F, 0x23, 0xD8, 0x0F, 0x23, 0xFA], ref registers);
        for (int i = 0; i < 50; i++)
        {
            Probe.Run([0x0F, 0xA2]);
            Interrupts.Send(((ulong)Interrupts.Parameters->OwnId << 32) | 0x4055);
            Interrupts.Send(0x000C_00F8);
            Cpu.Out8(0x80, 1);
        }
        Interrupts.Settle();
        registers = default;
        registers.Rdx = 0x400;
        Probe.Run([0x0F, 0x23, 0xFA], ref registers);
        Case.Verdict(fault == Probe.None, "the monitor does not notice"u8, fault);
    }
}
