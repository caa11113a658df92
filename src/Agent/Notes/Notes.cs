using System.Text.Json;
using System.Text.Json.Serialization;
using Osv.Contracts.Node;

namespace Osv.Agent.Notes;

/// <summary>What must be known of a partition when agent or management Linux start anew. Written before the act it announces.</summary>
public sealed record PartitionNote
{
    public required string TenantId { get; init; }
    public string Name { get; init; } = string.Empty;
    public required int Partition { get; init; }
    /// <summary>Names the console's byte stream: unix time of the creation, ms.</summary>
    public required ulong Instance { get; init; }
    /// <summary>The boot core first.</summary>
    public required IReadOnlyList<uint> ApicIds { get; init; }
    public required IReadOnlyList<ShareNote> Memory { get; init; }
    /// <summary>PCI functions of its own, as in the inventory.</summary>
    public IReadOnlyList<string> PciAddresses { get; init; } = [];
    /// <summary>Those of them that the run under way, or the last one, is to erase; empty: it is not the eraser's.</summary>
    public IReadOnlyList<string> Erasing { get; init; } = [];
    /// <summary>Those that were erased in this partition.</summary>
    public IReadOnlyList<string> Erased { get; init; } = [];
    public RestartPolicy Restart { get; init; }
    public LeasePolicy Lease { get; init; }
    /// <summary>Generation of the last start; 0 before the first.</summary>
    public ulong StartGeneration { get; init; }
    public ulong Starts { get; init; }
    /// <summary>The monitor's event count right before the last start: a Started event after it tells that it came to that.</summary>
    public ulong StartedAfterEvent { get; init; }
    public long StartedUnixMs { get; init; }
    /// <summary>Events up to this number are those of whoever had this partition number before.</summary>
    public ulong EventFloor { get; init; }
    /// <summary>Position of the console ring at which the byte stream begins.</summary>
    public uint ConsoleBase { get; init; }
    /// <summary>What the ring had dropped by then, bytes.</summary>
    public uint ConsoleLost { get; init; }
    /// <summary>Position in that stream, modulo 2^32, at which the last start's output begins.</summary>
    public uint ConsoleStart { get; init; }
    /// <summary>Number of the start whose console ended in a panic that no event told; 0: none.</summary>
    public ulong PanickedStart { get; init; }
    public uint Restarts { get; init; }
    /// <summary>How it last ended: a <see cref="Contracts.ControlDevice.StopCause"/>, <see cref="Panic"/> or <see cref="Hang"/>; empty: not yet.</summary>
    public string LastEnd { get; init; } = string.Empty;
    /// <summary>Its kernel panicked, whatever came of it.</summary>
    public const string Panic = "Panic";
    /// <summary>A core had been found standing still.</summary>
    public const string Hang = "Hang";
    /// <summary>Restarts in a row without a long run between them.</summary>
    public int FailuresInRow { get; init; }
}

public sealed record ShareNote(uint Cell, ulong Bytes);

/// <summary>What must be known of the node.</summary>
public sealed record NodeNote
{
    /// <summary>Made by the first agent after the node booted.</summary>
    public required string BootId { get; init; }
    public string? NodeId { get; init; }
    /// <summary>PKCS #8; never anywhere but in this memory.</summary>
    public byte[]? PrivateKey { get; init; }
    public byte[]? Certificate { get; init; }
    public byte[]? Authority { get; init; }
    public long RenewAfterUnix { get; init; }
    /// <summary>Time stamp counter when the control plane was last heard: it goes on where the management Linux starts anew. 0: never.</summary>
    public ulong ContactStamp { get; init; }
    /// <summary>The lease time as last told.</summary>
    public uint LeaseSeconds { get; init; }
}

// A byte array that is null would come back empty: leave nulls out.
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PartitionNote))]
[JsonSerializable(typeof(NodeNote))]
internal sealed partial class NoteFormat : JsonSerializerContext;

/// <summary>The notes by meaning: slot 0 is the node's, slot n partition n's.</summary>
public sealed class NodeNotes(NoteStore store)
{
    public NodeNote? Node => store.Read(0) is { } bytes ? JsonSerializer.Deserialize(bytes, NoteFormat.Default.NodeNote) : null;

    public void Save(NodeNote note) => store.Write(0, JsonSerializer.SerializeToUtf8Bytes(note, NoteFormat.Default.NodeNote));

    public IReadOnlyList<PartitionNote> Partitions() =>
        [.. Enumerable.Range(1, store.Slots - 1).Select(store.Read).Where(bytes => bytes is not null).Select(bytes => JsonSerializer.Deserialize(bytes, NoteFormat.Default.PartitionNote)!)];

    public void Save(PartitionNote note) => store.Write(note.Partition, JsonSerializer.SerializeToUtf8Bytes(note, NoteFormat.Default.PartitionNote));

    public void Clear(int partition) => store.Clear(partition);
}
