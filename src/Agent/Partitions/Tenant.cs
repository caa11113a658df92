using Osv.Agent.Health;
using Osv.Agent.Notes;
using Osv.Contracts.Node;

namespace Osv.Agent.Partitions;

/// <summary>One tenant as the reconciler sees it: what is wanted, what was noted, what is said of it.</summary>
internal sealed class Tenant(string id)
{
    public string Id { get; } = id;

    /// <summary>Null: not wanted here, or nobody has said yet.</summary>
    public DesiredPartition? Wanted { get; set; }

    /// <summary>Null: it has no partition.</summary>
    public PartitionNote? Note { get; set; }

    public PartitionPhase Phase { get; private set; }
    public string Reason { get; private set; } = string.Empty;
    public ulong ChangedUnixMs { get; private set; }

    public ulong FetchedBytes { get; set; }
    public ulong FetchTotalBytes { get; set; }

    /// <summary>Its lease ran out: it does not run until the control plane says anew that it is wanted.</summary>
    public bool Fenced { get; set; }

    /// <summary>Nothing is tried before, by a clock that never jumps; null: nothing is put off.</summary>
    private (long Since, TimeSpan Delay)? _putOff;

    public bool HasDelay => _putOff is not null;

    public void PutOff(TimeSpan delay, TimeProvider time) => _putOff = (time.GetTimestamp(), delay);

    public void ForgetDelay() => _putOff = null;

    public bool IsPutOff(TimeProvider time) => _putOff is { } put && time.GetElapsedTime(put.Since) < put.Delay;

    /// <summary>Events of this run up to this number have been searched for a panic.</summary>
    private ulong _searched;

    /// <summary>When the panic of this run was noticed, by a clock that never jumps.</summary>
    private long? _panicked;

    /// <summary>True when its kernel panicked so long ago that it neither has more to say nor reboots by itself.</summary>
    public bool StandsStillAfterPanic(EventFeed events, PartitionNote note, TimeSpan lastWords, TimeProvider time)
    {
        if (_searched < note.StartedAfterEvent) (_searched, _panicked) = (note.StartedAfterEvent, null);
        ulong last = events.Last;
        if (_panicked is null && last > _searched && events.HasPanicked(note.Partition, _searched)) _panicked = time.GetTimestamp();
        _searched = last;
        return _panicked is { } since && time.GetElapsedTime(since) >= lastWords;
    }

    /// <summary>A specification that cannot work: not tried again until it changes.</summary>
    public DesiredPartition? Refused { get; set; }

    /// <summary>False when nothing has changed.</summary>
    public bool Say(PartitionPhase phase, string reason, TimeProvider time)
    {
        if (Phase == phase && Reason == reason) return false;
        Phase = phase;
        Reason = reason;
        ChangedUnixMs = (ulong)time.GetUtcNow().ToUnixTimeMilliseconds();
        return true;
    }
}
