using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Exits;

/// <summary>Restarts a management Linux that hangs: nobody else could.</summary>
public static unsafe class ManagementWatch
{
    /// <summary>
    /// After an NMI: was it, at partition 0's boot core, the IOMMU's, the clock's? A strike that finds that core waiting for its start ends
    /// partition 0 as well: on a processor INIT there is a reset, and no kernel does it.
    /// </summary>
    public static void Look(CoreBlock* core)
    {
        if (core->Index != Node.Partitions[Machine.Management].BootCore) return;
        TicketLock.Enter(Node.Lock);
        Iommu.TakeEvents();
        TicketLock.Leave(Node.Lock);
        if (!AlarmClock.HasStruck()) return;
        TicketLock.Enter(Node.Lock);
        if (Node.Partitions[Machine.Management].State == PartitionState.Running)
        {
            ControlPolicy.ProbeAll<RingZero>(Node.Machine, Machine.Management);
            if (Node.Watch->IsSilent(Cpu.Load32(&Node.Header->Beat)) || Node.Cores[core->Index].Mode == CoreMode.WaitForSipi)
            {
                RingZero.Report(EventKind.Hung, StopCause.None, Machine.Management, core->Index);
                End(CoreBlock.VmcbOf(core));
            }
        }
        TicketLock.Leave(Node.Lock);
    }

    /// <summary>The monitor lock is held.</summary>
    public static void End(Vmcb* vmcb)
    {
        if (Lifecycle.Stop<RingZero>(Node.Machine, Machine.Management, StopCause.Hung)) ExitHandler.LogEnd(StopCause.Hung, vmcb);
    }
}
