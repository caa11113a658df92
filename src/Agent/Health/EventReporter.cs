using Osv.Agent.Notes;
using Osv.Agent.Partitions;
using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;
using EventKind = Osv.Contracts.Node.EventKind;
using MonitorEvent = Osv.Contracts.ControlDevice.EventKind;

namespace Osv.Agent.Health;

/// <summary>Puts the monitor's events into the control plane's words. Remembers who had which partition number when. Not thread-safe.</summary>
public sealed class EventReporter(EventFeed feed, MonitorClock clock, string bootId)
{
    private readonly List<(string Tenant, int Partition, ulong After)> _owners = [];
    private readonly HashSet<(string Tenant, int Partition, ulong After)> _known = [];

    /// <summary>Events up to this number are known to the control plane or on their way.</summary>
    public ulong Sent { get; set; }

    public void Learn(IEnumerable<PartitionNote> notes)
    {
        foreach (PartitionNote note in notes)
        {
            (string, int, ulong) owner = (note.TenantId, note.Partition, note.EventFloor);
            if (_known.Add(owner)) _owners.Add(owner);
        }
        if (_owners.Count <= 4 * ControlLayout.MaxPartitions) return;
        _owners.RemoveRange(0, _owners.Count - 2 * ControlLayout.MaxPartitions);
        _known.IntersectWith(_owners);
    }

    public IEnumerable<PartitionEvent> Collect()
    {
        foreach (EventEntry entry in feed.After(Sent))
        {
            if (entry.Sequence != Sent + 1) yield return new PartitionEvent { Number = entry.Sequence - 1, Kind = EventKind.Lost, BootId = bootId };
            Sent = entry.Sequence;
            yield return Translate(entry);
        }
    }

    private PartitionEvent Translate(EventEntry entry) => new()
    {
        Number = entry.Sequence,
        TenantId = _owners.LastOrDefault(owner => owner.Partition == entry.Partition && owner.After < entry.Sequence).Tenant ?? string.Empty,
        Kind = (MonitorEvent)entry.Kind switch
        {
            MonitorEvent.Started => EventKind.Started,
            MonitorEvent.Stopped => EventKind.Stopped,
            MonitorEvent.Panicked => EventKind.Panicked,
            MonitorEvent.Violation => EventKind.Violation,
            MonitorEvent.ManagementRestarted => EventKind.ManagementRestarted,
            MonitorEvent.Hung => EventKind.Hung,
            MonitorEvent.Failed => EventKind.Failed,
            MonitorEvent.DeviceRefused => EventKind.DeviceRefused,
            _ => EventKind.Unspecified,
        },
        Cause = ((StopCause)entry.Cause).ToString(),
        TimeUnixMs = clock.UnixMs(entry.Tsc),
        ApicId = entry.ApicId,
        Rip = entry.Rip,
        Detail = entry.Detail,
        Partition = entry.Partition,
        BootId = bootId,
    };
}
