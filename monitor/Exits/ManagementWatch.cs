using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Exits;

/// <summary>Restarts a management Linux that hangs: nobody else could.</summary>
public static unsafe class ManagementWatch
{
    /// <summary>
    /// After an NMI at partition 0's boot core: was it the IOMMU, the clock? A strike that finds that core waiting for its start ends
    /// partition 0 as well: on a processor INIT there is a reset, and no kernel does it.
    /// </summary>
    public static void Look()
    {
        TicketLock.Enter(Node.Lock);
        Iommu.TakeEvents();
        TicketLock.Leave(Node.Lock);
        if (!AlarmClock.HasStruck()) return;
        TicketLock.Enter(Node.Lock);
        if (Node.Partitions[Machine.Management].State == PartitionState.Running)
        {
            ControlPolicy.ProbeAll<RingZero>(Node.Machine, Machine.Management);
            int bootCore = Node.Partitions[Machine.Management].BootCore;
            if (Node.Watch->IsSilent(Cpu.Load32(&Node.Header->Beat)) || Node.Cores[bootCore].Mode == CoreMode.WaitForSipi)
            {
                RingZero.Report(EventKind.Hung, StopCause.None, Machine.Management, bootCore);
                End(CoreBlock.VmcbOf(Node.Blocks[bootCore]));
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
