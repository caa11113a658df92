using System.Runtime.InteropServices;

namespace Osv.Bench.Plugin;

/// <summary>Exits of one kind: how many, and instructions from the first after the exit to the next VMRUN, that one included.</summary>
internal unsafe struct Tally
{
    /// <summary>Instructions of an exit that the histogram tells apart; longer ones share the last slot.</summary>
    public const int Slots = 2048;

    public ulong Exits;
    public ulong Instructions;
    public ulong Most;
    public fixed uint Histogram[Slots];

    public void Add(ulong instructions)
    {
        Exits++;
        Instructions += instructions;
        Most = Math.Max(Most, instructions);
        Histogram[Math.Min(instructions, Slots - 1)]++;
    }
}

/// <summary>What is known about one virtual processor. Only its own thread writes here; nothing is allocated after start.</summary>
internal unsafe struct Processor
{
    public const int Partitions = 4;

    private Tally* _tallies;
    /// <summary>Bytes that QEMU reads into.</summary>
    public GlibArray* Buffer;
    public nint Rax, Rcx, Rdx;
    /// <summary>Instructions executed when the exit under way began, and what it is.</summary>
    public ulong Since;
    public bool Inside;
    public int Phase;
    public uint Partition;
    public Exit Kind;

    public void Initialize()
    {
        _tallies = (Tally*)NativeMemory.AllocZeroed((nuint)(Options.Phases * Partitions * (int)Exit.Count * sizeof(Tally)));
        Buffer = Qemu.NewBytes();
    }

    public readonly bool IsKnown => _tallies != null;

    /// <summary>Partitions beyond the last share its place.</summary>
    public readonly Tally* Of(int phase, uint partition, Exit kind) =>
        _tallies + ((phase * Partitions) + Math.Min(partition, Partitions - 1)) * (int)Exit.Count + (int)kind;
}
