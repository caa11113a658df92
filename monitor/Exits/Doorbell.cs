using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Exits;

/// <summary>The control device's doorbell: copy the request, let policy decide, write the reply.</summary>
public static unsafe class Doorbell
{
    public static void Ring(uint operation)
    {
        TicketLock.Enter(Node.Lock);
        // Partition 0 may change its request page while we look: decide upon a copy.
        Cpu.Copy(Request, Node.Shared + ControlLayout.RequestOffset, (ulong)sizeof(ControlRequest));
        ControlStatus status = ControlPolicy.Execute<RingZero>(Node.Machine, operation, in *Request, out uint index);
        if (status == ControlStatus.Ok)
        {
            if (operation == (uint)ControlOperation.Topology) Startup.SharedTables.Write();
            else if (Request->Partition < ControlLayout.MaxPartitions) RingZero.Publish((int)Request->Partition);
        }
        ControlReply* reply = (ControlReply*)(Node.Shared + ControlLayout.ReplyOffset);
        reply->Operation = operation;
        reply->Index = index;
        Cpu.Store32(&reply->Status, (uint)status);
        TicketLock.Leave(Node.Lock);
    }

    /// <summary>The private copy; the monitor lock guards it.</summary>
    public static ControlRequest* Request;
}
