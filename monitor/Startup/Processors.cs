using System.Runtime;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Exits;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Startup;

/// <summary>Brings every core into long mode with SVM on, and into its loop.</summary>
public static unsafe class Processors
{
    private const uint Efer = 0xC000_0080, HostSaveArea = 0xC001_0117, VmCr = 0xC001_0114, Svme = 1 << 12;
    /// <summary>Where start-up code is copied: below 640 KiB, a page to itself.</summary>
    private const ulong StartPage = 0x8000;
    private const int Nmi = 2;
    private static ulong* s_idt;

    /// <summary>Goes on only when this processor can do what the monitor needs; else says what is missing.</summary>
    public static void Require(uint* registers)
    {
        Cpu.Cpuid(0x8000_0001, 0, registers);
        if ((registers[2] & 4) == 0) Main.Stop("this processor has no SVM, or the firmware has it switched off: enable SVM (AMD-V)"u8);
        Cpu.Cpuid(0x8000_000A, 0, registers);
        if ((registers[3] & 1) == 0) Main.Stop("this processor has no nested paging"u8);
        if (registers[1] < 2) Main.Stop("this processor has no address-space identifiers for guests"u8);
        Cpu.Cpuid(1, 0, registers);
        if ((registers[2] & (1u << 21)) == 0) Main.Stop("this processor has no x2APIC, or the firmware has it switched off: enable x2APIC"u8);
        if ((registers[2] & (1u << 26)) == 0) Main.Stop("this processor has no XSAVE"u8);
        if ((Cpu.ReadMsr(VmCr) & 0x10) != 0) Main.Stop("SVM is disabled and locked by the firmware: enable SVM (AMD-V)"u8);
    }

    /// <summary>Both 8259 controllers masked: the firmware leaves its timer ticking, and no guest owns those lines.</summary>
    public static void SilenceLegacyInterrupts()
    {
        Cpu.Out8(0x21, 0xFF);
        Cpu.Out8(0xA1, 0xFF);
    }

    public static void BuildIdt(ulong* idt, int vectors)
    {
        s_idt = idt;
        for (int vector = 0; vector < vectors; vector++)
        {
            // The second table is for LocalApic.Drain: there 0-31 can only be interrupts that a guest left pending, or an NMI.
            int stubOf = vector is >= 256 and < 256 + 32 and not 256 + Nmi ? 32 : vector & 255;
            ulong stub = (ulong)Symbols.TrapStubs + (ulong)stubOf * 16;
            idt[vector * 2] = (stub & 0xFFFF) | (0x10UL << 16) | (0x8E00UL << 32) | ((stub >> 16 & 0xFFFF) << 48);
            idt[vector * 2 + 1] = stub >> 32;
        }
    }

    public static void UseIdt(bool drain)
    {
        byte* pointer = stackalloc byte[10];
        *(ushort*)pointer = 4095;
        *(ulong*)(pointer + 2) = (ulong)s_idt + (drain ? 4096ul : 0);
        Cpu.LoadIdt(pointer);
    }

    /// <summary>What each core does for itself, the first one too.</summary>
    public static void SetUp(CoreBlock* core)
    {
        UseIdt(drain: false);
        LocalApic.Enable();
        Cpu.WriteMsr(Efer, Cpu.ReadMsr(Efer) | Svme);
        Cpu.WriteMsr(HostSaveArea, CoreBlock.HostSaveArea(core));
        Cpu.ResetRegisters(Node.InitialState, 1, Node.ExtendedFeatures);
        uint* registers = stackalloc uint[4];
        Mitigations.Apply(registers);
        core->VmcbAddress = (ulong)CoreBlock.VmcbOf(core);
        // Threads that share a core share the APIC id but for its low bits; level 0 says how many those are.
        Cpu.Cpuid(0xB, 0, registers);
        core->ApicId = registers[3];
        Node.Cores[core->Index].PhysicalCore = core->ApicId >> (int)(registers[0] & 31);
        core->Shared->CacheDomain = core->ApicId >> CacheWays.DomainShift;
    }

    public static void StartOthers()
    {
        uint own = LocalApic.OwnId;
        Cpu.Copy((void*)StartPage, Symbols.StartCoreTemplate, (ulong)(Symbols.StartCoreTemplateEnd - Symbols.StartCoreTemplate));
        for (int i = 0; i < Node.CoreCount; i++)
        {
            CoreBlock* core = Node.Blocks[i];
            if (Node.Cores[i].ApicId == own) continue;
            *Symbols.StartCoreBlock = (ulong)core;
            Cpu.Fence();
            LocalApic.SendInit(Node.Cores[i].ApicId);
            Clock.Wait(10_000);
            LocalApic.SendStartup(Node.Cores[i].ApicId, (byte)(StartPage >> 12));
            Clock.Wait(200);
            if (Cpu.Load32(&core->Online) == 0) LocalApic.SendStartup(Node.Cores[i].ApicId, (byte)(StartPage >> 12));
            for (int k = 0; k < 1000 && Cpu.Load32(&core->Online) == 0; k++) Clock.Wait(1_000);
            if (Cpu.Load32(&core->Online) == 0) Main.Stop("a processor named by the firmware did not start within a second"u8);
        }
    }

    [RuntimeExport("monitor_core_main")]
    public static void OnCoreStart(CoreBlock* core)
    {
        SetUp(core);
        Cpu.Store32(&core->Online, 1);
        Run(core);
    }

    /// <summary>Never returns.</summary>
    public static void Run(CoreBlock* core)
    {
        CoreLoop.Settle(core);
        Cpu.WorldLoop(core);
    }
}
