using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Policy;

/// <summary>
/// All that policy may do to the machine. Ring 0 plugs in the processor, tests plug in a recorder:
/// the calls are resolved at compile time, so what is explored is what ships.
/// </summary>
public interface IHardware
{
    /// <summary>Sends an NMI: the core leaves its guest, or wakes up, and looks at its requests.</summary>
    static abstract void Kick(int core);
    /// <summary>Sends a fixed interrupt to a core in guest mode.</summary>
    static abstract void SendInterrupt(uint apicId, byte vector);
    /// <summary>Builds nested page tables over the partition's extents. False when table pages have run out; nothing is left behind then.</summary>
    static abstract bool MapPartition(int partition);
    static abstract void UnmapPartition(int partition);
    /// <summary>From here on the partition's functions reach its memory, and their interrupts its cores.</summary>
    static abstract void AttachFunctions(int partition);
    /// <summary>On return none of the partition's functions reaches any memory, and no access of one is under way.</summary>
    static abstract void DetachFunctions(int partition);
    /// <summary>What the IOMMU has refused until now is told: it is the present owners', not the next ones'.</summary>
    static abstract void TakeDeviceEvents();
    /// <summary>Shows a gibibyte of the partition in the load window.</summary>
    static abstract void OpenWindow(int partition, ulong guestAddress);
    /// <summary>Closes the load window; on return no core of partition 0 can reach it any more.</summary>
    static abstract void CloseWindow();
    /// <summary>The partition's serial port looks at its input ring and raises its interrupt when it should.</summary>
    static abstract void ConsoleInput(int partition);
    static abstract void Report(EventKind kind, StopCause cause, int partition, int core);
    static abstract void PowerNode(bool off);
}
