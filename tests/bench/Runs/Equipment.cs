namespace Osv.Bench.Runs;

/// <summary>What a measured machine has beside cores and memory, native and ours alike.</summary>
/// <param name="Qemu">QEMU's arguments.</param>
/// <param name="Options">What the load is told of it, on the command line of its kernel.</param>
public sealed record Equipment(string[] Qemu, string Options)
{
    public static Equipment None { get; } = new([], string.Empty);
}
