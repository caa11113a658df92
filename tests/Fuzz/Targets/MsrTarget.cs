using Osv.Fuzz.Engine;
using Osv.Monitor.Policy;

namespace Osv.Fuzz.Targets;

/// <summary>Model-specific registers and CPUID leaves.</summary>
internal sealed class MsrTarget : FuzzTarget
{
    private const ulong Svme = 1 << 12, LongModeActive = 1 << 10;
    private readonly byte[] _map = new byte[0x2000];

    public MsrTarget() => MsrPolicy.FillPermissionMap(_map);

    public override string Name => "msr";

    public override string Surface => "RDMSR and WRMSR of any register with any value, and CPUID of any leaf in the boot phase";

    public override int MaxBytes => 96;

    public override void Run(ReadOnlySpan<byte> input)
    {
        var from = new Input(input);
        while (!from.HasEnded)
        {
            byte what = from.Byte();
            if ((what & 3) == 3)
            {
                Leaf(from.Dword(), from.Dword(), what, from.Dword(), from.Dword());
                continue;
            }
            uint msr = (what >> 2 & 3) switch { 0 => 0xC000_0000u + from.Word(), 1 => 0xC001_0000u + from.Word(), 2 => from.Word(), _ => from.Dword() };
            switch (what & 3)
            {
                case 0: Read(msr); break;
                case 1: Write(msr, from.Qword()); break;
                default: Efer(from.Qword(), from.Qword(), paging: (what & 0x80) != 0); break;
            }
        }
    }

    /// <summary>Whether the processor leaves the guest for it (APM vol. 2, 15.11): outside of the three ranges, always.</summary>
    private bool IsIntercepted(uint msr, bool write)
    {
        uint range = msr < 0x2000 ? 0u : msr - 0xC000_0000 < 0x2000 ? 1u : msr - 0xC001_0000 < 0x2000 ? 2u : 3u;
        if (range == 3) return true;
        uint bit = range * 0x4000 + (msr & 0x1FFF) * 2 + (write ? 1u : 0);
        return (_map[bit >> 3] >> (int)(bit & 7) & 1) != 0;
    }

    private void Read(uint msr)
    {
        MsrVerdict verdict = MsrPolicy.Read(msr, out ulong value);
        Check.That(verdict is MsrVerdict.Fault or MsrVerdict.Value or MsrVerdict.ApicBase or MsrVerdict.Efer, "a read has the verdict of a write");
        Check.That(verdict == MsrVerdict.Value || value == 0, "a read that gives nothing has a value");
        // What the host has set up for itself is not even to be looked at.
        if (msr is 0xC001_0117 or 0x1B or 0xC000_0080 or 0xC001_0015 or 0xC001_0111 or 0xC001_0112 or 0xC001_0113 or 0xC001_0130) Check.That(IsIntercepted(msr, write: false), "a register of the host can be read");
    }

    private void Write(uint msr, ulong value)
    {
        MsrVerdict verdict = MsrPolicy.Write(msr);
        Check.That(Enum.IsDefined(verdict), "a write has no verdict");
        bool wholeChip = msr is 0x1B or 0xC000_0080 or 0x830 or 0x800 or 0x803 or 0x82F or (>= 0x833 and <= 0x837) or (>= 0x200 and <= 0x26F) or 0x2FF || msr - 0xC001_0000 < 0x2000;
        if (wholeChip) Check.That(IsIntercepted(msr, write: true), "a register that is not the guest's can be written");
        if (verdict != MsrVerdict.LocalVector) return;
        Check.That(msr is >= 0x833 and <= 0x837, "a register that is no vector table entry is written as one");
        ulong entry = MsrPolicy.GuestLocalVector(msr, value);
        ulong mode = entry >> 8 & 7;
        Check.That((entry & ~0x1_07FFul) == 0, "a vector table entry has reserved bits");
        Check.That(mode == 0 || (mode == 4 && msr != 0x837), "a vector table entry delivers SMI, INIT or ExtINT");
    }

    private static void Efer(ulong current, ulong written, bool paging)
    {
        current |= Svme;
        if (!MsrPolicy.GuestEfer(current, written, paging, out ulong value)) return;
        Check.That((value & Svme) != 0, "a guest switches SVM off under itself");
        Check.That(((value ^ current) & LongModeActive) == 0, "a guest writes what only the processor sets");
        Check.That((value & ~0x7D01ul) == 0, "a guest sets a bit of EFER that is closed");
        Check.That(!paging || ((value ^ current) & 0x100) == 0, "long mode is switched while paging is on");
    }

    private static void Leaf(uint leaf, uint subleaf, byte what, uint low, uint high)
    {
        CpuidRegisters shown = CpuidPolicy.Filter(leaf, subleaf, (what & 4) != 0, (what & 8) != 0, (what & 16) != 0, new(low, high, unchecked(low + high), low ^ high));
        (uint eax, uint ebx, uint ecx, uint edx) = (shown.Eax, shown.Ebx, shown.Ecx, shown.Edx);
        if (leaf == 1) Check.That((ecx & (1u << 3)) == 0 && (ecx & (1u << 21)) != 0 && (ecx & (1u << 31)) != 0, "MONITOR is shown, or x2APIC or the hypervisor is not");
        if (leaf == 0x8000_0001) Check.That((ecx & (1u << 2)) == 0, "SVM is shown");
        if (leaf == 0x8000_000A) Check.That((eax | ebx | ecx | edx) == 0, "SVM's features are shown");
        if (leaf == 0xD && subleaf == 1) Check.That((eax & 8) == 0, "XSAVES is shown");
    }

    public override IEnumerable<byte[]> Seeds() =>
    [
        [0, 0x80, 0, 4, 0x17, 1, 8, 0x1B, 0, 9, 0x30, 8, 0x31, 0, 0, 0, 1, 0, 0, 0, 9, 0x36, 8, 0, 4, 0, 0, 0, 0, 0, 0],
        [2, 0x01, 0x1D, 0, 0, 0, 0, 0, 0, 0x01, 0x0D, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255],
    ];
}
