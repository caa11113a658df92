using Google.Protobuf;
using Osv.Agent.Node;
using Osv.Agent.Notes;
using Osv.Agent.Partitions;
using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;

namespace Osv.Agent.Consoles;

/// <summary>
/// All partitions' consoles: what they print goes to their backlog and from there to the control plane, which fans it out to
/// viewers and logs; what is typed waits here until the partition takes it. Not thread-safe.
/// </summary>
public sealed class ConsoleHub(ControlDevice device, string folder, TimeProvider time, AgentLog log) : IDisposable
{
    private const int Piece = 16 << 10, InputWaiting = 64 << 10;
    private readonly Dictionary<string, Backlog> _backlogs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<byte>> _typed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ConsolePosition> _known = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (ulong Head, long Since, bool? Panic)> _ends = new(StringComparer.Ordinal);
    private readonly HashSet<string> _unread = new(StringComparer.Ordinal);
    private readonly byte[] _buffer = new byte[16 << 10];

    /// <summary>A console that says nothing for so long has said its last; <see cref="Health.PanicWitness"/> takes its time besides.</summary>
    private static readonly TimeSpan s_silence = TimeSpan.FromMilliseconds(300);

    /// <summary>Something was printed that nobody has taken yet.</summary>
    public bool HasWork
    {
        get
        {
            foreach (Backlog backlog in _backlogs.Values)
            {
                ref ConsoleHeader header = ref device.ConsoleHeader(backlog.Partition);
                if (Volatile.Read(ref header.OutputHead) != header.OutputTail) return true;
            }
            return false;
        }
    }

    /// <summary>Something was taken that has not been sent.</summary>
    public bool HasOutput
    {
        get
        {
            foreach (Backlog backlog in _backlogs.Values)
            {
                if (backlog.Sent < backlog.Head) return true;
            }
            return false;
        }
    }

    /// <summary>Takes what has been printed and gives what was typed.</summary>
    public void Pump(IReadOnlyCollection<PartitionNote> notes)
    {
        foreach (string gone in _backlogs.Keys.Except(notes.Select(note => note.TenantId)).ToList()) Drop(gone);
        foreach (PartitionNote note in notes)
        {
            if (_backlogs.TryGetValue(note.TenantId, out Backlog? backlog) && backlog.Instance != note.Instance)
            {
                Drop(note.TenantId);
                backlog = null;
            }
            if (backlog is null)
            {
                if (Open(note) is not { } opened) continue;
                _backlogs[note.TenantId] = backlog = opened;
                Restart(backlog);
            }
            while (backlog.Fill(device, _buffer) == _buffer.Length)
            {
            }
            if (_typed.TryGetValue(note.TenantId, out List<byte>? typed) && typed.Count != 0)
                typed.RemoveRange(0, device.WriteConsole(note.Partition, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(typed)));
        }
    }

    /// <summary>Null: there is no memory for it now; what is printed waits in the monitor's ring, or is counted there as lost.</summary>
    private Backlog? Open(PartitionNote note)
    {
        try
        {
            var backlog = new Backlog(folder, note, device);
            _unread.Remove(note.TenantId);
            return backlog;
        }
        catch (IOException error)
        {
            if (_unread.Add(note.TenantId)) log.Error("console", $"the console of {note.TenantId} cannot be read: {error.Message}");
            return null;
        }
    }

    private void Drop(string tenant)
    {
        _backlogs.Remove(tenant, out Backlog? gone);
        gone?.Dispose();
        _typed.Remove(tenant);
        _ends.Remove(tenant);
    }

    /// <summary>The last that this run printed is the end of a panic, and it has been silent since.</summary>
    public bool EndsInPanic(PartitionNote note)
    {
        if (!_backlogs.TryGetValue(note.TenantId, out Backlog? backlog) || backlog.Instance != note.Instance || (uint)backlog.Head == note.ConsoleStart) return false;
        ulong head = backlog.Head;
        if (!_ends.TryGetValue(note.TenantId, out (ulong Head, long Since, bool? Panic) end) || end.Head != head)
        {
            _ends[note.TenantId] = (head, time.GetTimestamp(), null);
            return false;
        }
        if (end.Panic is null && time.GetElapsedTime(end.Since) >= s_silence)
        {
            ulong from = head - Math.Min(head, LastWords.Bytes);
            end.Panic = LastWords.ArePanic(backlog.Read(ref from, LastWords.Bytes));
            _ends[note.TenantId] = end;
        }
        return end.Panic == true;
    }

    /// <summary>A new session: what the control plane has of each console. The rest is sent.</summary>
    public void Resume(IEnumerable<ConsolePosition> known)
    {
        _known.Clear();
        foreach (ConsolePosition position in known) _known[position.TenantId] = position;
        foreach (Backlog backlog in _backlogs.Values) Restart(backlog);
    }

    private void Restart(Backlog backlog)
    {
        backlog.Sent = 0;
        if (!_known.TryGetValue(backlog.TenantId, out ConsolePosition? position) || position.Instance != backlog.Instance) return;
        backlog.Align(position.Offset);
        backlog.Sent = position.Offset;
    }

    /// <summary>Types; false when the partition has not taken what was typed before.</summary>
    public bool Type(string tenant, ReadOnlySpan<byte> text)
    {
        if (!_typed.TryGetValue(tenant, out List<byte>? typed)) _typed[tenant] = typed = [];
        if (typed.Count + text.Length > InputWaiting) return false;
        typed.AddRange(text);
        return true;
    }

    /// <summary>A piece of each console that has something new.</summary>
    public IEnumerable<ConsoleOutput> Collect()
    {
        foreach (Backlog backlog in _backlogs.Values)
        {
            if (backlog.Sent >= backlog.Head) continue;
            ulong position = backlog.Sent;
            byte[] data = backlog.Read(ref position, Piece);
            uint dropped = unchecked(backlog.Lost - backlog.LostBefore);
            var output = new ConsoleOutput
            {
                TenantId = backlog.TenantId,
                Instance = backlog.Instance,
                Offset = position,
                Data = UnsafeByteOperations.UnsafeWrap(data),
                TimeUnixMs = (ulong)time.GetUtcNow().ToUnixTimeMilliseconds(),
                LostBefore = position - backlog.Sent + dropped,
            };
            backlog.Sent = position + (ulong)data.Length;
            backlog.LostBefore = backlog.Lost;
            yield return output;
        }
    }

    public void Dispose()
    {
        foreach (Backlog backlog in _backlogs.Values) backlog.Dispose();
        _backlogs.Clear();
    }
}
