using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Policy;

/// <summary>What a core does next, decided by itself at a kick.</summary>
public enum CoreAction
{
    /// <summary>Go on with the guest.</summary>
    Resume,
    /// <summary>Go on with the guest and give it an NMI.</summary>
    ResumeWithNmi,
    /// <summary>Wait for the next kick.</summary>
    Park,
    /// <summary>Enter the guest at the partition's entry state.</summary>
    EnterStart,
    /// <summary>Enter the guest in real mode at the SIPI vector.</summary>
    EnterSipi,
    /// <summary>Clear the registers, then call <see cref="Lifecycle.CoreIsBack"/>.</summary>
    ScrubCore,
    /// <summary>Clear the partition's memory, then call <see cref="Lifecycle.MemoryIsClean"/>.</summary>
    ScrubMemory,
}

/// <summary>Start, stop and the states between, of partitions and of their cores.</summary>
public static class Lifecycle
{
    public static void Start<THardware>(Machine machine, int partition)
        where THardware : struct, IHardware
    {
        ref Partition started = ref machine.Partitions[partition];
        started.State = PartitionState.Running;
        started.Cause = StopCause.None;
        started.Dirty = true;
        started.Panicked = false;
        started.Refused = false;
        started.ConfigAddress = 0;
        for (int i = 0; i < machine.Cores.Length; i++)
        {
            ref Core core = ref machine.Cores[i];
            if (core.Partition != partition) continue;
            core.Mode = CoreMode.WaitForSipi;
            core.Requests = i == started.BootCore ? Request.Enter : Request.None;
            core.Stuck = default;
        }
        THardware.AttachFunctions(partition);
        THardware.Report(EventKind.Started, StopCause.None, partition, started.BootCore);
        THardware.Kick(started.BootCore);
    }

    /// <summary>Begins to stop. False when the partition does not run.</summary>
    public static bool Stop<THardware>(Machine machine, int partition, StopCause cause)
        where THardware : struct, IHardware
    {
        ref Partition stopping = ref machine.Partitions[partition];
        if (stopping.State != PartitionState.Running) return false;
        stopping.State = PartitionState.Stopping;
        stopping.Cause = cause;
        stopping.CoresOut = stopping.CoreCount;
        // First of all: interrupts of a function could keep a core from coming back.
        THardware.DetachFunctions(partition);
        for (int i = 0; i < machine.Cores.Length; i++)
        {
            if (machine.Cores[i].Partition != partition) continue;
            machine.Cores[i].Requests = Request.Stop;
            THardware.Kick(i);
        }
        return true;
    }

    /// <summary>
    /// The guest says that it panicked. Told once per start: no guest may fill the event ring, which all share.
    /// </summary>
    public static void Panicked<THardware>(Machine machine, int partition, int core)
        where THardware : struct, IHardware
    {
        ref Partition panicked = ref machine.Partitions[partition];
        if (panicked.State != PartitionState.Running || panicked.Panicked) return;
        panicked.Panicked = true;
        THardware.Report(EventKind.Panicked, StopCause.None, partition, core);
        // Nobody drives the node any more: boot the management Linux again.
        if (partition == Machine.Management) Stop<THardware>(machine, partition, StopCause.Panicked);
    }

    /// <summary>The core's own step after a kick: consume the requests, say what to do.</summary>
    /// <param name="mayTakeNmi">
    /// The guest is not in an NMI handler, and nothing else is to be injected. An NMI that comes too early is kept: the core
    /// is to look again when this has changed.
    /// </param>
    public static CoreAction Next(Machine machine, int index, bool mayTakeNmi)
    {
        ref Core core = ref machine.Cores[index];
        uint requests = core.Requests;
        core.Requests = Request.None;
        if (core.Partition == Machine.Nobody) return CoreAction.Park;
        ref Partition partition = ref machine.Partitions[core.Partition];
        if ((requests & Request.Stop) != 0)
        {
            core.Mode = CoreMode.Parked;
            return CoreAction.ScrubCore;
        }
        if (partition.State == PartitionState.Scrubbing && partition.CoresOut == 0 && index == partition.BootCore)
            return CoreAction.ScrubMemory;
        if (partition.State != PartitionState.Running) return CoreAction.Park;
        if ((requests & Request.Enter) != 0)
        {
            core.Mode = CoreMode.Running;
            core.Dirty = true;
            core.Requests = requests & Request.Nmi;
            return CoreAction.EnterStart;
        }
        if ((requests & Request.Init) != 0) core.Mode = CoreMode.WaitForSipi;
        if (core.Mode == CoreMode.WaitForSipi)
        {
            if ((requests & Request.Sipi) == 0) return CoreAction.Park;
            core.Mode = CoreMode.Running;
            core.Dirty = true;
            core.Requests = requests & Request.Nmi;
            return CoreAction.EnterSipi;
        }
        if (core.Mode != CoreMode.Running) return CoreAction.Park;
        if ((requests & Request.Nmi) == 0) return CoreAction.Resume;
        if (mayTakeNmi) return CoreAction.ResumeWithNmi;
        core.Requests = Request.Nmi;
        return CoreAction.Resume;
    }

    /// <summary>The core's registers are clean. When it is the last one, the boot core is told to clear the memory.</summary>
    public static void CoreIsBack<THardware>(Machine machine, int index)
        where THardware : struct, IHardware
    {
        ref Core core = ref machine.Cores[index];
        core.Dirty = false;
        ref Partition partition = ref machine.Partitions[core.Partition];
        partition.CoresOut--;
        if (partition.CoresOut != 0) return;
        partition.State = PartitionState.Scrubbing;
        THardware.Kick(partition.BootCore);
    }

    public static void MemoryIsClean<THardware>(Machine machine, int partition)
        where THardware : struct, IHardware
    {
        ref Partition clean = ref machine.Partitions[partition];
        clean.Dirty = false;
        // Of this owner's, none is left to be told of the next one.
        THardware.TakeDeviceEvents();
        clean.State = PartitionState.Stopped;
        THardware.Report(EventKind.Stopped, clean.Cause, partition, clean.BootCore);
    }
}
