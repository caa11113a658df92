using System.Runtime;
using Osv.Ring0.Attacker.Cases;

namespace Osv.Ring0.Attacker;

/// <summary>Entry points from boot/entry.asm and boot/traps.asm.</summary>
public static unsafe class Program
{
    [RuntimeExport("attacker_main")]
    public static void Main(Parameters* parameters)
    {
        if (parameters->Mode == PayloadMode.Residue) Residue.Check();
        Interrupts.SetUp(0);
        switch (parameters->Mode)
        {
            case PayloadMode.Cases:
                RunGroup((CaseGroup)parameters->Argument);
                break;
            case PayloadMode.Ending:
                Endings.Run(parameters->Argument);
                break;
            case PayloadMode.Victim:
                Victim.Run();
                break;
            case PayloadMode.TimedFault:
                Interrupts.LoadIdt(0, 0);
                Cpu.FaultNow();
                break;
            case PayloadMode.Storm:
                Storms.Run((Storm)parameters->Argument);
                break;
            case PayloadMode.EndsAtOnce:
                EndsAtOnce.Run(parameters->Argument);
                break;
            case PayloadMode.Dma:
                Dma.Run((DmaKind)parameters->Argument, parameters->Target);
                break;
        }
        Serial.Text("FINISHED\n"u8);
        Cpu.Halt();
    }

    private static void RunGroup(CaseGroup group)
    {
        switch (group)
        {
            case CaseGroup.Icr: IcrCases.Run(); break;
            case CaseGroup.LocalVectors: LocalVectorCases.Run(); break;
            case CaseGroup.IoApic: IoApicCases.Run(); break;
            case CaseGroup.Msr: MsrCases.Run(); break;
            case CaseGroup.ApicRegisters: ApicRegisterCases.Run(); break;
            case CaseGroup.Ports: PortCases.Run(); break;
            case CaseGroup.Instructions: InstructionCases.Run(); break;
            case CaseGroup.ControlRegisters: ControlRegisterCases.Run(); break;
            case CaseGroup.Cpuid: CpuidCases.Run(); break;
            case CaseGroup.Modes: ModeCases.Run(); break;
            case CaseGroup.MsrSweep: MsrSweep.Run(); break;
            case CaseGroup.PortSweep: PortSweep.Run(); break;
            case CaseGroup.Devices: DeviceCases.Run(); break;
        }
    }

    [RuntimeExport("attacker_second")]
    public static void Second()
    {
        Interrupts.SetUp(1);
        if (Interrupts.Parameters->Mode == PayloadMode.EndsAtOnce) EndsAtOnce.RunSecond();
        Storms.RunSecond();
        Cpu.Halt();
    }

    /// <summary>An exception nobody expected. frame: rbx, rdx, rcx, rax, vector, error code, RIP ...</summary>
    [RuntimeExport("attacker_fault")]
    public static void OnFault(ulong* frame)
    {
        Serial.Text("PAYLOAD BROKEN exception "u8);
        Serial.Number(frame[4]);
        Serial.Text(" error "u8);
        Serial.Hex(frame[5]);
        Serial.Text(" rip "u8);
        Serial.Hex(frame[6]);
        Serial.Line();
        Cpu.Halt();
    }
}
