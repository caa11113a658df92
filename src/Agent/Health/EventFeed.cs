using Osv.Agent.Partitions;
using Osv.Contracts.ControlDevice;

namespace Osv.Agent.Health;

/// <summary>The monitor's event ring, read in order from any number on.</summary>
public sealed class EventFeed(ControlDevice device)
{
    /// <summary>Number of the last event there is.</summary>
    public ulong Last => Volatile.Read(ref device.Header.EventCount);

    /// <summary>
    /// Events after <paramref name="after"/>, oldest first. Where the ring has been overrun the numbers have a gap.
    /// </summary>
    public IEnumerable<EventEntry> After(ulong after)
    {
        ulong last = Last;
        ulong oldest = last > ControlLayout.EventRingEntries ? last - ControlLayout.EventRingEntries : 0;
        for (ulong number = Math.Max(after, oldest) + 1; number <= last; number++)
        {
            if (device.Event(number) is { } entry) yield return entry;
        }
    }

    /// <summary>Whether a partition was really started after this number; true when nobody can tell any more.</summary>
    public bool HasStarted(int partition, ulong after)
    {
        ulong last = Last;
        if (last > after + ControlLayout.EventRingEntries) return true;
        return ShowsStart(partition, after);
    }

    /// <summary>Whether its start after this number is still in the ring.</summary>
    public bool ShowsStart(int partition, ulong after) => After(after).Any(entry => entry.Partition == (uint)partition && entry.Kind == (uint)EventKind.Started);

    /// <summary>Whether it panicked after this number.</summary>
    public bool HasPanicked(int partition, ulong after) => After(after).Any(entry => entry.Partition == (uint)partition && entry.Kind == (uint)EventKind.Panicked);

    /// <summary>Whether it panicked, faulted or hung after this number.</summary>
    public bool HasFailed(int partition, ulong after) =>
        After(after).Any(entry => entry.Partition == (uint)partition && (EventKind)entry.Kind is EventKind.Panicked or EventKind.Hung or EventKind.Violation or EventKind.Failed);
}
