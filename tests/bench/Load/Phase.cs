namespace Osv.Bench.Load;

/// <summary>What the machine is doing. The marks tell the plugin; the readers of its report have the same numbers.</summary>
public enum Phase
{
    /// <summary>From power-up until user space runs.</summary>
    Boot = 0,
    /// <summary>Between two loads.</summary>
    Between = 1,
    Idle = 2,
    Pipe = 3,
    Exec = 4,
    Memory = 5,
    /// <summary>Loads are done; the machine goes down.</summary>
    Done = 6,
    /// <summary>Reads of a disk: large ones one behind the other, small ones here and there.</summary>
    DiskStream = 7,
    DiskRead = 8,
    /// <summary>Large answers of the peer on the network, and small ones.</summary>
    NetStream = 9,
    NetRoundTrip = 10,
    /// <summary>Two threads of one processor wake each other: a system call, a switch, no device and no other core.</summary>
    NoDevice = 11,
}

/// <summary>What both sides of a mark know.</summary>
public static class Mark
{
    /// <summary>Where the marks lie in the load's address space: nothing else has such an address.</summary>
    public const ulong Address = 0x4F53_5600_0000;
    /// <summary>Bytes from one mark to the next.</summary>
    public const int Bytes = 64;
}

/// <summary>How much of a load there is.</summary>
public static class LoadSize
{
    /// <summary>fork and exec, by both shells together.</summary>
    public const int Execs = 400;
    /// <summary>Round trips, and fork and exec of both shells together, between two marks.</summary>
    public const int Batch = 20, ExecBatch = 40;
    /// <summary>Round trips and idle seconds of the loads "short" and "long"; "brisk" is "short" without the idling.</summary>
    public const int ShortRoundTrips = 4_000, ShortIdleSeconds = 10, LongRoundTrips = 20_000, LongIdleSeconds = 60;
    /// <summary>The load "devices": turns of each phase, and what one turn has: reads of 1 MiB and of 4 KiB; answers of 1 MiB and of a byte; round trips without a device.</summary>
    public const int Turns = 16, DiskPieces = 240, DiskReads = 2_000, NetPieces = 16, NetRoundTrips = 500, NoDeviceRoundTrips = 1_000;
    /// <summary>The disk that it reads, again and again.</summary>
    public const int DiskMebibytes = 3_072;
}
