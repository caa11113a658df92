using System.Globalization;
using Osv.Agent.Notes;
using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;

namespace Osv.Agent.Partitions;

/// <summary>
/// Disks that somebody else has had: the partition is started with an image that erases them and switches itself off when that is done and checked. The
/// tenant's own image comes after the control plane has noted it, so nothing that a tenant wrote is ever erased.
/// </summary>
public sealed partial class Reconciler
{
    private static readonly TimeSpan s_eraseAgain = TimeSpan.FromSeconds(30);

    private static string ErasesDisks(int count) => string.Create(CultureInfo.InvariantCulture, $"erases {count} {(count == 1 ? "disk" : "disks")} that somebody else has had");

    /// <summary>Takes the next step to it; true: nothing is left to do.</summary>
    private bool DisksAreClean(Tenant tenant)
    {
        DesiredPartition wanted = tenant.Wanted!;
        if (tenant.Note!.Erasing.Count != 0 && !EndErasure(tenant, tenant.Note)) return false;
        PartitionNote note = tenant.Note;
        string[] left = [.. wanted.Erase.Except(note.Erased, StringComparer.Ordinal)];
        if (left.Length == 0)
        {
            if (wanted.Erase.Count == 0) return true;
            Say(tenant, PartitionPhase.Loading, "its disks are erased; waits until the control plane has noted it");
            return false;
        }
        if (IsPutOff(tenant) || !Fetch(tenant, wanted.Eraser ?? throw new InvalidOperationException("its disks are to be erased and nothing is named that does"), out LinuxImageFiles? files)) return false;
        using LinuxImageFiles image = files!;
        var run = new DesiredPartition { TenantId = wanted.TenantId, Image = wanted.Eraser, CommandLine = "osv.erase=" + string.Join(',', left.Select(disk => GuestAddress(note, disk))) };
        note = Save(tenant, Beginning(note) with { Erasing = left });
        LinuxLoader.LoadAndStart(_device, (uint)note.Partition, image.Open(run, note.Instance, _time.GetUtcNow()), _factory.Describe(note));
        Say(tenant, PartitionPhase.Loading, ErasesDisks(left.Length));
        return false;
    }

    /// <summary>Where the partition's own Linux sees a function: bus 0, from device 2 on, in the order of the node's.</summary>
    private static string GuestAddress(PartitionNote note, string disk)
    {
        int at = Array.IndexOf([.. note.PciAddresses.OrderBy(PciAddress.Parse)], disk);
        if (at < 0) throw new InvalidOperationException($"its disk {disk} is to be erased, and it has no such function");
        return PciAddress.Format((ushort)(at + 2 << 3));
    }

    /// <summary>The eraser's run is over, or never came to be. Only one that was seen to start and switched itself off has erased anything.</summary>
    /// <returns>False: it is tried again later.</returns>
    private bool EndErasure(Tenant tenant, PartitionNote note)
    {
        var cause = (StopCause)_device.Partitions[note.Partition].LastCause;
        bool started = _events.ShowsStart(note.Partition, note.StartedAfterEvent);
        bool done = started && cause == StopCause.PowerOff && !_events.HasFailed(note.Partition, note.StartedAfterEvent);
        if (done) _log.Info("partitions", $"{tenant.Id}: erased {string.Join(", ", note.Erasing)}");
        Save(tenant, note with { Erasing = [], Erased = done ? [.. note.Erased, .. note.Erasing] : note.Erased });
        if (done) return true;
        tenant.PutOff(s_eraseAgain, _time);
        // Where many events came since, its start may be among those that are gone: it is not taken for erased.
        if (started) Say(tenant, PartitionPhase.Refused, $"its disks could not be erased: that ended by {cause}, and the console says why");
        else Say(tenant, PartitionPhase.Loading, "its disks are to be erased: the run that did was not seen to begin");
        return false;
    }
}
