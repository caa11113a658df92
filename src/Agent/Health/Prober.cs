using Osv.Agent.Node;
using Osv.Agent.Notes;
using Osv.Agent.Partitions;
using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;

namespace Osv.Agent.Health;

/// <summary>
/// Samples the cores of running partitions by NMI, now and then, and tells idle from busy from hung: an idle core is found at
/// the same instruction of its kernel with interrupts on, a hung one with interrupts off. Not thread-safe.
/// </summary>
public sealed class Prober(ControlDevice device, TimeProvider time, AgentLog log)
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);
    private readonly Dictionary<uint, (uint Count, ulong Rip, bool InterruptsOn, CoreHealth Health)> _samples = [];
    private readonly HashSet<uint> _hung = [];
    private long _last;

    /// <summary>Counts changes of cores' health.</summary>
    public ulong Changes { get; private set; }

    /// <summary>Probes all when it is time.</summary>
    public void Tick(IEnumerable<PartitionNote> notes)
    {
        Read();
        if (_last != 0 && time.GetElapsedTime(_last) < Period) return;
        _last = time.GetTimestamp();
        foreach (PartitionNote note in notes) Probe(note);
    }

    public void Probe(PartitionNote note)
    {
        if (device.Partitions[note.Partition].State != (uint)PartitionState.Running) return;
        device.Request.Partition = (uint)note.Partition;
        ControlStatus status = device.TryExecute(ControlOperation.Probe, out _);
        // It may have ended between the look and the operation.
        if (status is not (ControlStatus.Ok or ControlStatus.WrongState)) log.Warn("health", $"the monitor does not probe partition {note.Partition}: {status}");
    }

    /// <summary>The monitor has reported this core.</summary>
    public void Hung(uint apicId)
    {
        if (_hung.Add(apicId)) Changes++;
    }

    public CoreHealth HealthOf(uint apicId)
    {
        if (_hung.Contains(apicId)) return CoreHealth.Hung;
        return _samples.TryGetValue(apicId, out var sample) ? sample.Health : CoreHealth.Unspecified;
    }

    private void Read()
    {
        ReadOnlySpan<CoreEntry> cores = device.Cores;
        for (int i = 0; i < cores.Length; i++)
        {
            ref readonly CoreEntry core = ref cores[i];
            if (core.Mode != (uint)CoreMode.Running)
            {
                if (!_samples.TryGetValue(core.ApicId, out var was) || was.Health != CoreHealth.Offline) Changes++;
                _hung.Remove(core.ApicId);
                _samples[core.ApicId] = (core.ProbeCount, 0, true, CoreHealth.Offline);
                continue;
            }
            bool seen = _samples.TryGetValue(core.ApicId, out var before);
            if (seen && before.Count == core.ProbeCount) continue;
            bool same = seen && before.Rip == core.ProbeRip, on = core.ProbeInterruptsOn != 0;
            if ((!same || on) && _hung.Remove(core.ApicId)) Changes++;
            // With interrupts off at the same place: taken offline by its Linux. Where an interrupt waits for it, the monitor says that it hangs.
            CoreHealth health = same && on && core.ProbeCpl == 0 ? CoreHealth.Idle : same && !on && !before.InterruptsOn ? CoreHealth.Offline : CoreHealth.Busy;
            if (health != before.Health) Changes++;
            _samples[core.ApicId] = (core.ProbeCount, core.ProbeRip, on, health);
        }
    }
}
