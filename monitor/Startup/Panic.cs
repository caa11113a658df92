using System;
using System.Runtime;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;

namespace Osv.Monitor;

/// <summary>The end: say what happened on the serial port and on every console ring, then halt every core for good.</summary>
public static unsafe class Panic
{
    private static uint s_entered;
    private static uint s_trapped;

    public static void IndexOutOfRange() => Because("index out of range"u8);
    public static void Overflow() => Because("arithmetic overflow"u8);
    public static void DivideByZero() => Because("division by zero"u8);
    public static void NullReference() => Because("null reference"u8);
    public static void Unreachable() => Because("code that cannot be reached"u8);

    public static void Because(ReadOnlySpan<byte> reason)
    {
        fixed (uint* entered = &s_entered)
            if (Cpu.Exchange32(entered, 1) != 0) Cpu.Halt();
        Log.Text("osv-monitor: panic: "u8);
        Log.Text(reason);
        Log.Number(" core "u8, LocalApic.OwnId);
        Log.Line();
        TellConsoles(reason);
        Log.Text("osv-monitor: every console was told; this node halts\r\n"u8);
        // The others leave their guests at this NMI and find that it is over.
        for (int i = 0; i < Node.CoreCount; i++)
            if (Node.Blocks[i]->Online != 0 && Node.Blocks[i]->ApicId != LocalApic.OwnId) LocalApic.SendNmi(Node.Blocks[i]->ApicId);
        Cpu.Halt();
    }

    /// <summary>Some core has panicked.</summary>
    public static bool IsOver
    {
        get { fixed (uint* entered = &s_entered) return Cpu.Load32(entered) != 0; }
    }

    private static void TellConsoles(ReadOnlySpan<byte> reason)
    {
        if (Node.Devices == null) return;
        for (int partition = 0; partition < ControlLayout.MaxPartitions; partition++)
        {
            Say(partition, "\r\nosv-monitor: this node halts: "u8);
            Say(partition, reason);
            Say(partition, "\r\n"u8);
        }
    }

    private static void Say(int partition, ReadOnlySpan<byte> text)
    {
        for (int i = 0; i < text.Length; i++) GuestDevices.PutLastWord(partition, text[i]);
    }

    /// <summary>
    /// A fault of the monitor itself. frame: general registers in the order of <see cref="RegisterNames"/>, then vector,
    /// error code, RIP, CS, RFLAGS, RSP, SS.
    /// </summary>
    [RuntimeExport("monitor_trap")]
    public static void OnTrap(ulong* frame, ulong cr2)
    {
        // A fault while a fault is told: what could be said has been said.
        fixed (uint* trapped = &s_trapped)
            if (Cpu.Exchange32(trapped, 1) != 0) Because("fault in the monitor"u8);
        const int Registers = 15;
        ulong* trap = frame + Registers;
        Log.Number("\r\nosv-monitor: fault "u8, trap[0]);
        Log.Value(" error "u8, trap[1]);
        Log.Value(" rip "u8, trap[2]);
        Log.Value(" rflags "u8, trap[4]);
        Log.Value(" rsp "u8, trap[5]);
        Log.Value(" cr2 "u8, cr2);
        Log.Text("\r\nregisters:"u8);
        ReadOnlySpan<byte> names = RegisterNames;
        for (int i = 0; i < Registers; i++) Log.Value(names.Slice(i * 5, 5), frame[i]);
        Log.Text("\r\nstack:"u8);
        ulong* stack = (ulong*)(trap[5] & ~7UL);
        // Never past the page: what lies behind may not be mapped.
        for (int i = 0; i < 16 && (i == 0 || ((ulong)(stack + i) & 0xFFF) != 0); i++) Log.Value(" "u8, stack[i]);
        Log.Line();
        Because("fault in the monitor"u8);
    }

    private static ReadOnlySpan<byte> RegisterNames => " rdi  r15  r14  r13  r12  r11  r10  r9   r8   rbp  rsi  rdx  rcx  rbx  rax "u8;
}
