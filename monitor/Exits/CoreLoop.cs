using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Exits;

/// <summary>Between exit and entry: look at requests, park while there is nothing to run.</summary>
public static unsafe class CoreLoop
{
    private const ulong InterruptFlag = 1 << 9;

    /// <summary>Returns when the core has a guest to run.</summary>
    public static void Settle(CoreBlock* core)
    {
        bool mayRun = Node.Cores[core->Index].Mode == CoreMode.Running;
        while (true)
        {
            if (Panic.IsOver) Cpu.Halt();
            if (Cpu.Load32(&core->Kicked) != 0)
            {
                Cpu.Exchange32(&core->Kicked, 0);
                mayRun = Act(core);
                continue;
            }
            if (mayRun) break;
            Cpu.ParkUntil(&core->Kicked);
            // What woke it may have been the clock, or an IOMMU.
            ManagementWatch.Look(core);
        }
        EnterGuest(core);
    }

    /// <summary>
    /// Marks the core as in the guest and flushes its TLB when the partition's tables have changed.
    /// The order matters: see <see cref="RingZero.CloseWindow"/>.
    /// </summary>
    private static void EnterGuest(CoreBlock* core)
    {
        Vmcb* vmcb = CoreBlock.VmcbOf(core);
        vmcb->TlbControl = 0;
        Cpu.Store32(&core->InGuest, 1);
        Cpu.Fence();
        uint generation = Cpu.Load32(&Node.Generations[Node.Cores[core->Index].Partition]);
        if (core->FlushedTo == generation) return;
        vmcb->TlbControl = Intercepts.FlushAll;
        Cpu.Store32(&core->FlushedTo, generation);
    }

    /// <summary>One step of the lifecycle; true when the core goes (back) into its guest.</summary>
    private static bool Act(CoreBlock* core)
    {
        Vmcb* vmcb = CoreBlock.VmcbOf(core);
        TicketLock.Enter(Node.Lock);
        if ((Node.Cores[core->Index].Requests & Request.Probe) != 0 && Node.Cores[core->Index].Mode == CoreMode.Running) Probe(core, vmcb);
        NmiWindow.Update(core, vmcb, out bool mayInject);
        CoreAction action = Lifecycle.Next(Node.Machine, core->Index, mayInject);
        bool nmiWaits = (Node.Cores[core->Index].Requests & Request.Nmi) != 0;
        core->Shared->Mode = (uint)Node.Cores[core->Index].Mode;
        core->Shared->Partition = Node.Cores[core->Index].Partition;
        TicketLock.Leave(Node.Lock);
        int partition = Node.Cores[core->Index].Partition;
        switch (action)
        {
            case CoreAction.Resume:
                if (nmiWaits) NmiWindow.Await(core, vmcb);
                return true;
            case CoreAction.ResumeWithNmi:
                NmiWindow.Inject(core, vmcb);
                return true;
            case CoreAction.EnterStart:
                GuestState.SetEntry(core, in Node.Partitions[partition].Entry);
                if (nmiWaits) Cpu.Exchange32(&core->Kicked, 1);
                return true;
            case CoreAction.EnterSipi:
                GuestState.SetRealMode(core, Node.Cores[core->Index].SipiVector);
                if (nmiWaits) Cpu.Exchange32(&core->Kicked, 1);
                return true;
            case CoreAction.ScrubCore:
                GuestState.Scrub(core);
                TicketLock.Enter(Node.Lock);
                Lifecycle.CoreIsBack<RingZero>(Node.Machine, core->Index);
                RingZero.Publish(partition);
                TicketLock.Leave(Node.Lock);
                return false;
            case CoreAction.ScrubMemory:
                FunctionReset.ResetAll(partition);
                for (int i = 0; i < Node.Partitions[partition].ExtentCount; i++)
                {
                    MemoryExtent extent = Node.Extents[partition * ControlLayout.MaxExtents + i];
                    Cpu.Clear((void*)extent.HostAddress, extent.Bytes);
                }
                GuestDevices.Reset(partition);
                if (partition == Machine.Management) Startup.Management.Load();
                TicketLock.Enter(Node.Lock);
                Lifecycle.MemoryIsClean<RingZero>(Node.Machine, partition);
                RingZero.Publish(partition);
                if (partition == Machine.Management) Startup.Management.Start();
                TicketLock.Leave(Node.Lock);
                return false;
            default:
                return false;
        }
    }

    /// <summary>The monitor lock is held.</summary>
    private static void Probe(CoreBlock* core, Vmcb* vmcb)
    {
        const byte Hlt = 0xF4;
        int partition = Node.Cores[core->Index].Partition;
        CoreEntry* shared = core->Shared;
        ulong now = shared->ProbeTsc = Cpu.TimeStamp();
        shared->ProbeRip = vmcb->Rip;
        shared->ProbeCpl = vmcb->Cpl;
        byte before = 0;
        var seen = new Sample
        {
            Rip = vmcb->Rip,
            Counter = core->Rcx,
            Milliseconds = now / Startup.SharedTables.TscKilohertz,
            Exits = unchecked(shared->Exits[(int)ExitCounter.Icr] + shared->Exits[(int)ExitCounter.Console]),
            InterruptsOn = (vmcb->Rflags & InterruptFlag) != 0,
            Halted = GuestMemory.Fetch(partition, vmcb, unchecked(vmcb->Rip - 1), &before, 1) == 1 && before == Hlt,
            InterruptWaits = LocalApic.HasRequests,
        };
        shared->ProbeInterruptsOn = seen.InterruptsOn ? 1u : 0;
        if (Health.Hangs(Node.Machine, core->Index, in seen))
        {
            RingZero.Report(EventKind.Hung, StopCause.None, partition, core->Index);
            if (partition == Machine.Management) ManagementWatch.End(vmcb);
        }
        Cpu.Store32(&shared->ProbeCount, unchecked(shared->ProbeCount + 1));
    }
}
