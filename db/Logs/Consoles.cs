namespace Osv.Data.Logs;

/// <summary>A stretch of what a tenant printed, byte for byte. Stored in one partition a day.</summary>
public sealed class ConsoleChunk
{
    /// <summary>Most bytes in one chunk; longer stretches are cut.</summary>
    public const int MostBytes = 64 << 10;

    public required Guid TenantId { get; init; }

    /// <summary>Bytes of the tenant's console stored before it, over all its starts: what readers count by.</summary>
    public required long Position { get; init; }

    /// <summary>Names the stream of one start, as the node gave it.</summary>
    public required long Instance { get; init; }

    /// <summary>Of the first byte in that stream.</summary>
    public required long ByteOffset { get; init; }

    /// <summary>Bytes printed right before it that nobody could keep.</summary>
    public required long LostBefore { get; init; }

    /// <summary>When the node read it.</summary>
    public required DateTimeOffset At { get; init; }

    public required byte[] Data { get; init; }
}

/// <summary>How far the stream of one start is stored.</summary>
public sealed class ConsoleInstance
{
    public required Guid TenantId { get; init; }

    public required long Instance { get; init; }

    /// <summary>Bytes of the stream before it are known.</summary>
    public required long NextOffset { get; set; }

    public required DateTimeOffset LastAt { get; set; }
}

/// <summary>Where a tenant's console ends; its row is locked while something is added.</summary>
public sealed class ConsoleHead
{
    public required Guid TenantId { get; init; }

    /// <summary>Bytes stored so far.</summary>
    public long Position { get; set; }

    /// <summary>The stream that the last bytes came from.</summary>
    public long Instance { get; set; }

    /// <summary>Number of the last line in <see cref="ConsoleLine"/>.</summary>
    public long LineSequence { get; set; }

    /// <summary>Bytes of the line that has not ended yet.</summary>
    public byte[] OpenLine { get; set; } = [];

    /// <summary>When its last bytes were read; meaningless while it is empty.</summary>
    public DateTimeOffset LastAt { get; set; }
}

/// <summary>What a node sends of a console.</summary>
/// <param name="TenantId">Whose console.</param>
/// <param name="Instance">Names the stream of one start.</param>
/// <param name="Offset">Of the first byte in that stream.</param>
/// <param name="Data">The bytes.</param>
/// <param name="LostBefore">Bytes right before that nobody could keep.</param>
/// <param name="At">When they were read.</param>
public sealed record ConsoleStretch(Guid TenantId, long Instance, long Offset, ReadOnlyMemory<byte> Data, long LostBefore, DateTimeOffset At);
