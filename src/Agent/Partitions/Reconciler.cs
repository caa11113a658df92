using Osv.Agent.Health;
using Osv.Agent.Images;
using Osv.Agent.Node;
using Osv.Agent.Notes;
using Osv.Agent.Session;
using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;

namespace Osv.Agent.Partitions;

/// <summary>
/// Closes the difference between what is wanted and what the monitor runs, one small step at a time. The monitor's tables are
/// the truth about what is; each step is announced in a note first, so an agent that is killed anywhere is followed by one that
/// goes on. Not thread-safe.
/// </summary>
public sealed partial class Reconciler
{
    private static readonly TimeSpan s_tryAgain = TimeSpan.FromSeconds(5), s_lastWords = TimeSpan.FromMilliseconds(500), s_round = TimeSpan.FromMilliseconds(100);
    private readonly ControlDevice _device;
    private readonly NodeNotes _notes;
    private readonly IImageSource _images;
    private readonly Lease _lease;
    private readonly TimeProvider _time;
    private readonly AgentLog _log;
    private readonly EventFeed _events;
    private readonly PartitionFactory _factory;
    private readonly Func<PartitionNote, bool> _endsInPanic;
    private readonly SortedList<string, Tenant> _tenants = new(StringComparer.Ordinal);
    private int _turn = -1;

    /// <param name="endsInPanic">The console of this run says that its kernel panicked, and nothing since.</param>
    public Reconciler(ControlDevice device, NodeNotes notes, IImageSource images, Lease lease, Func<PartitionNote, bool> endsInPanic, TimeProvider time, AgentLog log)
    {
        _endsInPanic = endsInPanic;
        _device = device;
        _notes = notes;
        _images = images;
        _lease = lease;
        _time = time;
        _log = log;
        _events = new EventFeed(device);
        _factory = new PartitionFactory(device, notes, time, log);
        foreach (PartitionNote note in notes.Partitions())
        {
            if (_device.Partitions[note.Partition].State == (uint)PartitionState.Absent)
            {
                notes.Clear(note.Partition);
                continue;
            }
            _tenants[note.TenantId] = new Tenant(note.TenantId) { Note = note };
            _log.Info("partitions", $"adopted partition {note.Partition} of {note.TenantId}, {(PartitionState)_device.Partitions[note.Partition].State}");
        }
    }

    /// <summary>The revision last applied; 0: none, so nothing is begun and nothing ended but by the lease.</summary>
    public ulong Revision { get; private set; }

    /// <summary>
    /// A lease that ran out has ended tenants that may run elsewhere by now: they start again when the control plane has said what it wants since,
    /// not when it is merely heard again.
    /// </summary>
    public bool AwaitsWord => _tenants.Values.Any(tenant => tenant.Fenced);

    /// <summary>Counts what has been done and found: tenants' phases, and tenants that are gone.</summary>
    public ulong Changes { get; private set; }

    /// <summary>A step is under way or to be taken; what only waits, or runs, is not.</summary>
    public bool IsAtWork => _tenants.Values.Any(tenant => tenant.Phase is PartitionPhase.Unspecified or PartitionPhase.Fetching or PartitionPhase.Creating or PartitionPhase.Loading or PartitionPhase.Stopping);

    /// <summary>Partitions that exist, with the tenants they belong to.</summary>
    public IEnumerable<PartitionNote> Notes => _tenants.Values.Where(tenant => tenant.Note is not null).Select(tenant => tenant.Note!);

    /// <summary>It is wanted here, or has a partition.</summary>
    public bool Knows(string tenant) => _tenants.ContainsKey(tenant);

    /// <summary>What its owner calls it; empty: nobody has said yet.</summary>
    public string NameOf(string tenant) => _tenants.TryGetValue(tenant, out Tenant? found) ? found.Wanted?.Name ?? found.Note?.Name ?? string.Empty : string.Empty;

    /// <summary>False when it is older than what was applied.</summary>
    /// <exception cref="InvalidDataException">It wants two things of one tenant; nothing was applied.</exception>
    public bool Apply(DesiredState desired)
    {
        if (desired.Revision < Revision) return false;
        var wanted = new Dictionary<string, DesiredPartition>(StringComparer.Ordinal);
        foreach (DesiredPartition partition in desired.Partitions)
        {
            if (!wanted.TryAdd(partition.TenantId, partition)) throw new InvalidDataException($"desired state {desired.Revision} names tenant '{partition.TenantId}' twice");
        }
        Revision = desired.Revision;
        foreach (Tenant tenant in _tenants.Values)
        {
            tenant.Wanted = wanted.GetValueOrDefault(tenant.Id);
            tenant.Fenced = false;
        }
        foreach (DesiredPartition partition in desired.Partitions.Where(partition => !_tenants.ContainsKey(partition.TenantId)))
            _tenants[partition.TenantId] = new Tenant(partition.TenantId) { Wanted = partition };
        _images.Keep(desired.Partitions.SelectMany(partition => Artifacts(partition.Image).Concat(partition.Erase.Count == 0 ? [] : Artifacts(partition.Eraser))).Select(artifact => Convert.ToHexStringLower(artifact.Sha256.Span)).ToHashSet(StringComparer.Ordinal));
        return true;
    }

    private static IEnumerable<Artifact> Artifacts(Image? image)
    {
        if (image?.Kernel is { } kernel) yield return kernel;
        if (image?.Initrd is { } initrd) yield return initrd;
    }

    /// <summary>Of kernel and initrd together.</summary>
    private static ulong ImageBytes(Image? image) => Artifacts(image).Aggregate(0UL, (sum, artifact) => sum + artifact.Bytes);

    /// <summary>One step for every tenant. When a step takes long, those after it have their turn first next time: consoles and the session wait meanwhile.</summary>
    public void Tick()
    {
        long began = _time.GetTimestamp();
        List<Tenant> tenants = [.. _tenants.Values];
        for (int stepped = 0; stepped < tenants.Count && (stepped == 0 || _time.GetElapsedTime(began) < s_round); stepped++)
        {
            _turn = (_turn + 1) % tenants.Count;
            Tenant tenant = tenants[_turn];
            try
            {
                Step(tenant);
            }
            catch (Exception error) when (error is ControlException or LinuxBootException or IOException or InvalidOperationException or ArgumentException)
            {
                // The specification itself is wrong, or the monitor has another view of the node: say so and look again later.
                var boot = error as LinuxBootException;
                if (boot is not null) tenant.Refused = tenant.Wanted;
                tenant.PutOff(s_tryAgain, _time);
                // Another node may have all of its memory in one cell.
                bool everywhere = boot is not null && !(boot.IsAboutRoom && tenant.Wanted?.Memory.Count > 1);
                Say(tenant, everywhere ? PartitionPhase.Invalid : PartitionPhase.Refused, error.Message);
            }
        }
    }

    private void Say(Tenant tenant, PartitionPhase phase, string reason = "")
    {
        if (!tenant.Say(phase, reason, _time)) return;
        Changes++;
        _log.Info("partitions", $"{tenant.Id} {phase}{(reason.Length == 0 ? string.Empty : ": " + reason)}");
    }

    private void Step(Tenant tenant)
    {
        PartitionState state = tenant.Note is { } note ? (PartitionState)_device.Partitions[note.Partition].State : PartitionState.Absent;
        if (_lease.HasExpired && (tenant.Note?.Lease ?? tenant.Wanted?.Lease) == LeasePolicy.Stop) tenant.Fenced = true;
        bool expired = tenant.Fenced;
        bool runs = !expired && (Revision == 0 ? tenant.Note is not null : tenant.Wanted?.Power == PowerState.Running);
        switch (state)
        {
            case PartitionState.Absent:
                Absent(tenant, runs, expired);
                break;
            case PartitionState.Running:
                Running(tenant, runs, expired);
                break;
            case PartitionState.Stopping or PartitionState.Scrubbing:
                Say(tenant, tenant.Note!.Starts == 0 ? PartitionPhase.Creating : PartitionPhase.Stopping, tenant.Reason);
                break;
            case PartitionState.Stopped:
                if (Revision == 0) Say(tenant, PartitionPhase.Stopped, "waits for word from the control plane");
                else if (!runs || Replaced(tenant)) Remove(tenant, expired);
                else Stopped(tenant);
                break;
        }
    }

    private void Absent(Tenant tenant, bool runs, bool expired)
    {
        if (tenant.Note is { } note)
        {
            _notes.Clear(note.Partition);
            tenant.Note = null;
        }
        if (tenant.Wanted is null)
        {
            if (Revision != 0 && _tenants.Remove(tenant.Id)) Changes++;
            return;
        }
        if (!runs)
        {
            Say(tenant, PartitionPhase.Stopped, expired ? LeaseReason : string.Empty);
            return;
        }
        if (IsPutOff(tenant)) return;
        ulong memory = tenant.Wanted.Memory.Count == 0 ? 0 : tenant.Wanted.Memory[0].Bytes;
        if (ImageBytes(tenant.Wanted.Image) > memory) throw new LinuxBootException(tenant.Wanted.Image?.Kernel?.Bytes > memory ? LinuxBootError.KernelTooLarge : LinuxBootError.InitrdTooLarge);
        if (!Fetch(tenant, tenant.Wanted.Image, out LinuxImageFiles? files)) return;
        using LinuxImageFiles image = files!;
        // What cannot boot is refused here, before it costs anybody a core.
        LinuxLoader.Plan(image.Open(tenant.Wanted, instance: 0, _time.GetUtcNow()), memory, out _);
        tenant.Note = _factory.Create(tenant.Wanted);
        Say(tenant, PartitionPhase.Creating);
    }

    private const string PanicReason = "its kernel panicked";

    private string LeaseReason => $"the control plane has not been heard for {_lease.Duration.TotalSeconds:0} s";

    private void Running(Tenant tenant, bool runs, bool expired)
    {
        PartitionNote note = tenant.Note!;
        string? reason = !runs ? (expired ? LeaseReason : string.Empty)
            : Revision != 0 && Replaced(tenant) ? "its cores, memory or devices have changed"
            : Revision != 0 && note.Erasing.Count == 0 && tenant.Wanted!.StartGeneration > note.StartGeneration ? "reboot"
            : tenant.StandsStillAfterPanic(_events, note, s_lastWords, _time) || _endsInPanic(note) ? PanicReason
            : null;
        if (reason is null)
        {
            if (note.FailuresInRow != 0 && _time.GetUtcNow().ToUnixTimeMilliseconds() - note.StartedUnixMs > RestartRules.LongRun.TotalMilliseconds)
                Save(tenant, note with { FailuresInRow = 0 });
            if (note.Erasing.Count == 0) Say(tenant, PartitionPhase.Running);
            else Say(tenant, PartitionPhase.Loading, ErasesDisks(note.Erasing.Count));
            return;
        }
        if (reason == PanicReason) Save(tenant, note with { PanickedStart = note.Starts });
        _factory.Execute(ControlOperation.Stop, note.Partition);
        Say(tenant, PartitionPhase.Stopping, reason);
    }

    private void Remove(Tenant tenant, bool expired)
    {
        PartitionNote note = tenant.Note!;
        _factory.Execute(ControlOperation.Destroy, note.Partition);
        _notes.Clear(note.Partition);
        tenant.Note = null;
        tenant.ForgetDelay();
        Say(tenant, PartitionPhase.Stopped, expired ? LeaseReason : string.Empty);
    }

    /// <summary>It has clean cores and memory: start it, for the first time or by policy.</summary>
    private void Stopped(Tenant tenant)
    {
        PartitionNote note = tenant.Note!;
        DesiredPartition wanted = tenant.Wanted!;
        if (!DisksAreClean(tenant)) return;
        note = tenant.Note!;
        if (note.Starts != 0 && note.StartGeneration >= wanted.StartGeneration && _events.HasStarted(note.Partition, note.StartedAfterEvent))
        {
            var cause = (StopCause)_device.Partitions[note.Partition].LastCause;
            bool failed = note.PanickedStart == note.Starts || _events.HasFailed(note.Partition, note.StartedAfterEvent);
            bool requested = cause == StopCause.Requested && !failed;
            string how = HowItEnded(note, cause, failed);
            if (note.LastEnd != how) note = Save(tenant, note with { LastEnd = how });
            if (!requested && !RestartRules.Restarts(wanted.Restart, cause, failed))
            {
                Say(tenant, PartitionPhase.Stopped, $"it ended by {how}; its restart policy is {wanted.Restart}");
                return;
            }
            if (!tenant.HasDelay)
            {
                note = Save(tenant, note with { FailuresInRow = !requested ? note.FailuresInRow + 1 : 0 });
                TimeSpan delay = RestartRules.Delay(note.FailuresInRow);
                tenant.PutOff(delay, _time);
                Say(tenant, PartitionPhase.BackingOff, $"it ended by {how}; starts again in {delay.TotalSeconds:0} s");
            }
            if (tenant.IsPutOff(_time)) return;
        }
        else if (IsPutOff(tenant))
        {
            return;
        }
        if (wanted.Hold.Length != 0)
        {
            Say(tenant, PartitionPhase.Loading, wanted.Hold);
            return;
        }
        if (!Fetch(tenant, wanted.Image, out LinuxImageFiles? files)) return;
        using LinuxImageFiles image = files!;
        Say(tenant, PartitionPhase.Loading);
        bool again = note.Starts != 0 && note.StartGeneration >= wanted.StartGeneration;
        note = Save(tenant, Beginning(note) with
        {
            Name = wanted.Name,
            Restart = wanted.Restart,
            Lease = wanted.Lease,
            Starts = note.Starts + 1,
            StartGeneration = wanted.StartGeneration,
            Restarts = note.Restarts + (again ? 1u : 0u),
        });
        if (wanted.TraceParent.Length != 0) _log.Info("partitions", $"{tenant.Id} starts under trace {wanted.TraceParent}");
        LinuxLoader.LoadAndStart(_device, (uint)note.Partition, image.Open(wanted, note.Instance, _time.GetUtcNow()), _factory.Describe(note));
        tenant.ForgetDelay();
        Say(tenant, PartitionPhase.Running);
    }

    /// <summary>What follows a panic or a hang is not what ended it.</summary>
    private string HowItEnded(PartitionNote note, StopCause cause, bool failed) =>
        !failed || cause is not (StopCause.Requested or StopCause.PowerOff or StopCause.Reset) ? cause.ToString()
        : note.PanickedStart == note.Starts || _events.HasPanicked(note.Partition, note.StartedAfterEvent) ? PartitionNote.Panic : PartitionNote.Hang;

    /// <summary>What tells a run that is about to start from those before it.</summary>
    private PartitionNote Beginning(PartitionNote note) => note with
    {
        StartedAfterEvent = _events.Last,
        ConsoleStart = unchecked(_device.ConsoleHeader(note.Partition).OutputHead - note.ConsoleBase),
        StartedUnixMs = _time.GetUtcNow().ToUnixTimeMilliseconds(),
    };

    private PartitionNote Save(Tenant tenant, PartitionNote note)
    {
        _notes.Save(note);
        return tenant.Note = note;
    }

    private bool IsPutOff(Tenant tenant) => Equals(tenant.Refused, tenant.Wanted) || tenant.IsPutOff(_time);

    private static bool Replaced(Tenant tenant) => tenant.Wanted is { } wanted && tenant.Note is { } note
        && (!wanted.ApicIds.SequenceEqual(note.ApicIds) || !wanted.PciAddresses.SequenceEqual(note.PciAddresses)
            || !wanted.Memory.Select(share => new ShareNote(share.Cell, share.Bytes)).SequenceEqual(note.Memory));

    /// <summary>True when kernel and initrd are here and checked.</summary>
    private bool Fetch(Tenant tenant, Image? image, out LinuxImageFiles? files)
    {
        files = null;
        if (image is null) throw new InvalidOperationException("it names no image");
        IReadOnlyList<ImageProgress> progress = _images.Request([.. Artifacts(image)]);
        tenant.FetchedBytes = progress.Aggregate(0UL, (sum, one) => sum + one.Bytes);
        tenant.FetchTotalBytes = ImageBytes(image);
        if (progress.FirstOrDefault(one => one.Failure is not null) is { } failed)
        {
            Say(tenant, PartitionPhase.Refused, failed.Failure!);
            return false;
        }
        if (progress.Any(one => one.Path is null))
        {
            Say(tenant, PartitionPhase.Fetching, progress.FirstOrDefault(one => one.Trouble is not null)?.Trouble is { } trouble ? $"{image.Name}: {trouble}; trying again" : image.Name);
            return false;
        }
        files = new LinuxImageFiles(progress[0].Path!, progress.Count > 1 ? progress[1].Path : null);
        return true;
    }

    public ObservedState Observe()
    {
        var state = new ObservedState { DesiredRevision = Revision, TakenUnixMs = (ulong)_time.GetUtcNow().ToUnixTimeMilliseconds() };
        foreach (Tenant tenant in _tenants.Values)
        {
            var seen = new ObservedPartition
            {
                TenantId = tenant.Id,
                Phase = tenant.Phase,
                Reason = tenant.Reason,
                ChangedUnixMs = tenant.ChangedUnixMs,
                FetchedBytes = tenant.FetchedBytes,
                FetchTotalBytes = tenant.FetchTotalBytes,
            };
            if (tenant.Note is { } note) _factory.Measure(note, seen);
            if (tenant is { Note: { } own, Wanted: { } wanted }) seen.Erased.Add(wanted.Erase.Intersect(own.Erased, StringComparer.Ordinal));
            state.Partitions.Add(seen);
        }
        return state;
    }
}
