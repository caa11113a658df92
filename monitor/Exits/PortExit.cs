using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Exits;

/// <summary>IN and OUT of ports that are not open (EXITINFO1: APM vol. 2, 15.10.2).</summary>
public static unsafe class PortExit
{
    private const ulong In = 1, String = 4, Repeat = 8;

    public static void Handle(CoreBlock* core, Vmcb* vmcb)
    {
        ulong info = vmcb->ExitInfo1;
        ushort port = (ushort)((info >> 16) & 0xFFFF);
        int bytes = (int)((info >> 4) & 7);
        int partition = Node.Cores[core->Index].Partition;
        bool management = partition == Machine.Management;
        vmcb->Rip = vmcb->ExitInfo2;
        if ((info & String) != 0)
        {
            // No absent device has anything to say to INS and OUTS.
            ExitHandler.Count(core, ExitCounter.Port);
            if ((info & Repeat) != 0) core->Rcx = 0;
            return;
        }
        uint mask = bytes == 4 ? 0xFFFF_FFFF : (1u << (bytes * 8)) - 1;
        if ((info & In) != 0)
        {
            if (HypervisorPort.Answer(port, bytes, Startup.SharedTables.TscKilohertz, ref vmcb->Rax, ref core->Rbx, ref core->Rcx))
            {
                ExitHandler.Count(core, ExitCounter.Port);
                return;
            }
            uint value = Read(core, partition, management, port, bytes) & mask;
            vmcb->Rax = bytes == 4 ? value : (vmcb->Rax & ~(ulong)mask) | value;
        }
        else
        {
            Write(core, partition, management, port, bytes, (uint)(vmcb->Rax & mask));
        }
    }

    private static uint Read(CoreBlock* core, int partition, bool management, ushort port, int bytes)
    {
        PortVerdict verdict = PortPolicy.Read(port, management, out uint value);
        ExitHandler.Count(core, Reason(verdict));
        return verdict switch
        {
            PortVerdict.Serial => GuestDevices.ReadSerial(partition, port - PortPolicy.Serial),
            PortVerdict.PciConfig => ReadConfig(partition, port, bytes),
            PortVerdict.Doorbell => ControlLayout.AbiVersion,
            _ => value,
        };
    }

    private static uint ReadConfig(int partition, ushort port, int bytes)
    {
        TicketLock.Enter(Node.Lock);
        uint value = GuestPci.Read(partition, port, bytes);
        TicketLock.Leave(Node.Lock);
        return value;
    }

    private static void Write(CoreBlock* core, int partition, bool management, ushort port, int bytes, uint value)
    {
        PortVerdict verdict = PortPolicy.Write(port, bytes, value, management);
        ExitHandler.Count(core, Reason(verdict));
        switch (verdict)
        {
            case PortVerdict.Serial: GuestDevices.WriteSerial(partition, port - PortPolicy.Serial, (byte)(value & 0xFF)); break;
            case PortVerdict.Doorbell: Doorbell.Ring(value); break;
            case PortVerdict.Reset: ExitHandler.Stop(core, EventKind.None, StopCause.Reset); break;
            case PortVerdict.Sleep when management: RingZero.PowerNode(off: true); break;
            case PortVerdict.Sleep: ExitHandler.Stop(core, EventKind.None, StopCause.PowerOff); break;
            case PortVerdict.PciConfig:
                TicketLock.Enter(Node.Lock);
                GuestPci.Write(partition, port, bytes, value);
                TicketLock.Leave(Node.Lock);
                break;
            case PortVerdict.Panic:
                TicketLock.Enter(Node.Lock);
                Lifecycle.Panicked<RingZero>(Node.Machine, partition, core->Index);
                TicketLock.Leave(Node.Lock);
                break;
        }
    }

    private static ExitCounter Reason(PortVerdict verdict) => verdict switch
    {
        PortVerdict.Serial => ExitCounter.Console,
        PortVerdict.PciConfig => ExitCounter.PciConfig,
        PortVerdict.Doorbell => ExitCounter.Control,
        _ => ExitCounter.Port,
    };
}
