using System.Runtime.InteropServices;
using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Hardware;

/// <summary>
/// What the monitor keeps for one core: 32 KiB, page aligned. State page, VMCB, host save area, a page that
/// is not mapped, then 16 KiB of stack. boot/layout.inc has the offsets that assembly uses.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Bytes)]
public unsafe struct CoreBlock
{
    public const int Bytes = 0x8000;
    /// <summary>Below the stack; a stack that outgrows its room faults instead of running into the host save area.</summary>
    public const ulong GuardPage = 0x3000;

    [FieldOffset(0x00)] public ulong VmcbAddress;
    [FieldOffset(0x08)] public ulong Rbx;
    [FieldOffset(0x10)] public ulong Rcx;
    [FieldOffset(0x18)] public ulong Rdx;
    [FieldOffset(0x20)] public ulong Rsi;
    [FieldOffset(0x28)] public ulong Rdi;
    [FieldOffset(0x30)] public ulong Rbp;
    /// <summary>R9 to R15 follow.</summary>
    [FieldOffset(0x38)] public ulong R8;
    [FieldOffset(0x80)] public fixed byte Xmm[256];
    [FieldOffset(0x180)] public int Index;
    /// <summary>Not zero: somebody left a request in the core table.</summary>
    [FieldOffset(0x184)] public uint Kicked;
    /// <summary>Guest code may be running; cleared on the slow path only.</summary>
    [FieldOffset(0x188)] public uint InGuest;
    /// <summary>Generation of the partition's nested tables that this core has flushed to.</summary>
    [FieldOffset(0x18C)] public uint FlushedTo;
    [FieldOffset(0x190)] public CoreEntry* Shared;
    [FieldOffset(0x198)] public uint ApicId;
    /// <summary>1 once the core has come up and waits for work.</summary>
    [FieldOffset(0x19C)] public uint Online;

    /// <summary>Of the guest: see Exits/NmiWindow.cs.</summary>
    [FieldOffset(0x1A0)] public uint NmiPhase;
    [FieldOffset(0x1A8)] public ulong IretRip;

    public static Vmcb* VmcbOf(CoreBlock* core) => (Vmcb*)((byte*)core + 0x1000);
    public static ulong HostSaveArea(CoreBlock* core) => (ulong)core + 0x2000;

    /// <summary>A general register by its number in instructions: RAX and RSP travel in the VMCB, the rest here.</summary>
    public static ulong* Register(CoreBlock* core, int number) => number switch
    {
        0 => &VmcbOf(core)->Rax,
        1 => &core->Rcx,
        2 => &core->Rdx,
        3 => &core->Rbx,
        4 => &VmcbOf(core)->Rsp,
        5 => &core->Rbp,
        6 => &core->Rsi,
        7 => &core->Rdi,
        _ => &core->R8 + (number & 7),
    };

    /// <summary>General registers but RAX and RSP, and XMM, as at power-up.</summary>
    public static void ClearRegisters(CoreBlock* core) => Cpu.Clear((byte*)core + 8, 0x180 - 8);
}
