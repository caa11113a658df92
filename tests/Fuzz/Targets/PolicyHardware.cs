using Osv.Contracts.ControlDevice;
using Osv.Fuzz.Engine;
using Osv.Monitor.Policy;

namespace Osv.Fuzz.Targets;

/// <summary>Counts what policy does to the machine, and checks each interrupt against the partition that may send it.</summary>
internal readonly struct PolicyHardware : IHardware
{
    public static PolicyNode Node { get; set; } = null!;

    /// <summary>Whose write or operation is being carried out; -1: partition 0's, which may kick any core.</summary>
    public static int Sender { get; set; }
    public static int Calls { get; private set; }
    public static int Interrupts { get; private set; }
    public static uint LastTarget { get; private set; }
    public static byte LastVector { get; private set; }
    public static ulong Kicked { get; private set; }
    public static bool TablesRunOut { get; set; }

    public static void Forget()
    {
        Calls = Interrupts = 0;
        Kicked = 0;
    }

    public static void Kick(int core)
    {
        Calls++;
        Kicked |= 1UL << core;
        Check.That(Sender < 0 || Node.CoreTable[core].Partition == Sender, "a guest kicks a core that is not its partition's");
    }

    public static void SendInterrupt(uint apicId, byte vector)
    {
        Calls++;
        Interrupts++;
        LastTarget = apicId;
        LastVector = vector;
        int core = Node.Machine.FindCore(apicId);
        Check.That(core >= 0 && Node.CoreTable[core].Partition == Sender, "an interrupt goes to a core outside of the sender's partition");
        Check.That(Node.CoreTable[core].Mode == CoreMode.Running, "an interrupt goes to a core that is not in its guest");
        Check.That(vector >= 16, "an interrupt has a vector that the processor reserves");
    }

    public static bool MapPartition(int partition)
    {
        if (TablesRunOut) return false;
        Calls++;
        return true;
    }

    public static void UnmapPartition(int partition)
    {
        Calls++;
        Check.That(partition != Machine.Management, "partition 0 loses its memory");
    }

    public static void AttachFunctions(int partition)
    {
        Calls++;
        Node.Attached[partition] = true;
    }

    public static void DetachFunctions(int partition)
    {
        Calls++;
        Node.Attached[partition] = false;
    }

    public static void TakeDeviceEvents() => Calls++;

    public static void OpenWindow(int partition, ulong guestAddress)
    {
        Calls++;
        Check.That(guestAddress % ControlLayout.WindowBytes == 0 && guestAddress < GuestLayout.AddressLimit, "the load window opens at an address that a partition cannot have");
    }

    public static void CloseWindow() => Calls++;

    public static void ConsoleInput(int partition) => Calls++;

    public static void Report(EventKind kind, StopCause cause, int partition, int core)
    {
        Calls++;
        Check.That(Node.CoreTable[core].Partition == partition, "an event names a core that is not the partition's");
    }

    public static void PowerNode(bool off)
    {
        Calls++;
        Check.That(Sender < 0, "a tenant switches the node");
    }
}
