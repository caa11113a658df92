using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Policy;

/// <summary>What a probe found on a core.</summary>
public struct Sample
{
    public ulong Rip;
    /// <summary>RCX: a repeated string instruction moves on by it alone.</summary>
    public ulong Counter;
    public ulong Milliseconds;
    /// <summary>Exits to send an interrupt or for the console: whoever goes on making them is at work, and probes find it where it leaves for them.</summary>
    public ulong Exits;
    public bool InterruptsOn;
    /// <summary>The instruction before RIP is HLT.</summary>
    public bool Halted;
    /// <summary>An interrupt has been requested and not taken.</summary>
    public bool InterruptWaits;
}

/// <summary>What is remembered of a core that probes find with interrupts off; nothing when the last one found them on.</summary>
public struct Stuck
{
    public Sample Last;
    /// <summary>Probes in a row that found an interrupt waiting, and when the first of them came, ms.</summary>
    public ulong Waits;
    public ulong Since;
    public bool Seen;
    public bool Told;
}

/// <summary>Which cores hang: nothing but an NMI, INIT or the guest's own doing can still move them.</summary>
public static class Health
{
    private const ulong Probes = 3, Milliseconds = 1000;

    /// <summary>
    /// True when the core is found to hang: with interrupts off twice at one instruction, or three times over at least a second
    /// while an interrupt waits, wherever it is, and with no exit in between. Said once, until it moves.
    /// </summary>
    public static bool Hangs(Machine machine, int index, in Sample seen)
    {
        ref Core core = ref machine.Cores[index];
        core.Halted = seen.Halted && !seen.InterruptsOn;
        // Kernels park a core so that they take offline: others of the partition can start it again.
        if (seen.InterruptsOn || (core.Halted && !AllHalted(machine, core.Partition)))
        {
            core.Stuck = default;
            return false;
        }
        ref Stuck stuck = ref core.Stuck;
        bool works = stuck.Seen && stuck.Last.Exits != seen.Exits, still = stuck.Seen && !works && stuck.Last.Rip == seen.Rip && stuck.Last.Counter == seen.Counter;
        if (!seen.InterruptWaits || works) stuck.Waits = 0;
        else if (stuck.Waits++ == 0) stuck.Since = seen.Milliseconds;
        stuck.Seen = true;
        stuck.Last = seen;
        bool hangs = still || (stuck.Waits >= Probes && unchecked(seen.Milliseconds - stuck.Since) >= Milliseconds);
        bool first = hangs && !stuck.Told;
        stuck.Told = hangs;
        return first;
    }

    private static bool AllHalted(Machine machine, ushort partition)
    {
        for (int i = 0; i < machine.Cores.Length; i++)
            if (machine.Cores[i].Partition == partition && machine.Cores[i].Mode == CoreMode.Running && !machine.Cores[i].Halted) return false;
        return true;
    }
}

/// <summary>
/// The watch over partition 0, looked at each time its clock strikes. Its Linux hangs when a core of it does, or when its
/// agent, once it has begun to beat, stops to.
/// </summary>
public struct Watch
{
    private const uint SilentTicks = 2;
    private uint _beat;
    private uint _silent;

    /// <summary>True when it has missed too many beats.</summary>
    public bool IsSilent(uint beat)
    {
        _silent = beat != 0 && beat == _beat ? _silent + 1 : 0;
        _beat = beat;
        return _silent >= SilentTicks;
    }
}
