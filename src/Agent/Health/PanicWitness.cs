using Osv.Agent.Notes;
using Osv.Agent.Partitions;
using Osv.Contracts.ControlDevice;

namespace Osv.Agent.Health;

/// <summary>
/// Whether a kernel whose console ended in a panic has panicked indeed: whoever may write to a console can write those words. After a panic Linux halts
/// all cores but one, interrupts off, and that one turns in one delay loop of the kernel for good (panic() in kernel/panic.c). An idle kernel is always
/// found at one instruction, one at work in many places or in user mode. Not thread-safe.
/// </summary>
public sealed class PanicWitness(ControlDevice device, Prober prober)
{
    /// <summary>Probes in a row that must agree.</summary>
    private const int Enough = 10;

    /// <summary>Probes for which it is worth to look often; a tenant that only prints those words shall not keep the agent busy.</summary>
    private const int Eager = 40;

    /// <summary>Bytes of code within which a delay loop turns.</summary>
    private const ulong Loop = 1 << 10;

    private readonly Dictionary<string, Trail> _trails = new(StringComparer.Ordinal);

    /// <summary>What probes have found since they began to agree.</summary>
    private sealed class Trail
    {
        public ulong Start;
        public uint Count;
        public int Agreed, Asked;
        public ulong Least, Most;

        /// <summary>It has been seen in user mode: where a kernel panicked nothing is, for good.</summary>
        public bool Lives;
    }

    /// <summary>An answer is awaited that comes soon. Set anew by each <see cref="Confirms"/>.</summary>
    public bool IsAsking { get; set; }

    /// <summary>True once enough probes have found what a panic leaves. Asks for the next probe otherwise: call it again, now and then.</summary>
    /// <param name="note">Of the tenant.</param>
    /// <param name="words">Its console ends in a panic. Where it does not, what was seen is forgotten: the next words are looked at anew.</param>
    public bool Confirms(PartitionNote note, bool words)
    {
        if (!words)
        {
            _trails.Remove(note.TenantId);
            return false;
        }
        if (!_trails.TryGetValue(note.TenantId, out Trail? trail) || trail.Start != note.Starts) _trails[note.TenantId] = trail = new Trail { Start = note.Starts };
        // Every core has answered so many probes.
        uint count = uint.MaxValue;
        int awake = 0;
        bool user = false;
        ulong rip = 0;
        foreach (CoreEntry core in device.Cores)
        {
            if (core.Partition != note.Partition || core.Mode != (uint)CoreMode.Running) continue;
            count = Math.Min(count, core.ProbeCount);
            user |= core.ProbeCpl != 0;
            if (core.ProbeInterruptsOn == 0) continue;
            awake++;
            rip = core.ProbeRip;
        }
        // What was seen before it was asked belongs to another time.
        if (count != trail.Count && trail.Asked != 0) Learn(trail, awake, user, rip);
        trail.Count = count;
        if (trail.Lives) return false;
        if (trail.Agreed >= Enough && trail.Most != trail.Least) return true;
        prober.Probe(note);
        IsAsking |= trail.Asked++ < Eager;
        return false;
    }

    private static void Learn(Trail trail, int awake, bool user, ulong rip)
    {
        trail.Lives |= user;
        if (awake != 1) trail.Agreed = 0;
        else if (trail.Agreed != 0 && Math.Max(trail.Most, rip) - Math.Min(trail.Least, rip) <= Loop) (trail.Least, trail.Most, trail.Agreed) = (Math.Min(trail.Least, rip), Math.Max(trail.Most, rip), trail.Agreed + 1);
        else (trail.Least, trail.Most, trail.Agreed) = (rip, rip, 1);
    }

    /// <summary>Forgets tenants that have no partition.</summary>
    public void Keep(IEnumerable<PartitionNote> notes)
    {
        foreach (string gone in _trails.Keys.Except(notes.Select(note => note.TenantId)).ToList()) _trails.Remove(gone);
    }
}
