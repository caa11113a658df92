using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

/// <summary>Writes down what policy asks of the machine. One list for each thread, as samples run on several.</summary>
internal readonly struct RecordingHardware : IHardware
{
    [ThreadStatic] private static List<HardwareCall>? t_calls;
    [ThreadStatic] private static bool t_tablesRunOut;

    [ThreadStatic] private static Action? t_mapping;

    public static List<HardwareCall> Calls => t_calls ??= [];

    public static bool TablesRunOut { set => t_tablesRunOut = value; }

    /// <summary>Looks at the machine while the tables of a partition are made.</summary>
    public static Action? Mapping { set => t_mapping = value; }

    public static void Forget()
    {
        Calls.Clear();
        t_mapping = null;
        t_tablesRunOut = false;
    }

    public static IEnumerable<int> Kicked => Calls.OfType<Kick>().Select(kick => kick.Core);

    public static IEnumerable<Interrupt> Sent => Calls.OfType<Interrupt>();

    static void IHardware.Kick(int core) => Calls.Add(new Kick(core));

    public static void SendInterrupt(uint apicId, byte vector) => Calls.Add(new Interrupt(apicId, vector));

    public static bool MapPartition(int partition)
    {
        t_mapping?.Invoke();
        if (t_tablesRunOut) return false;
        Calls.Add(new Map(partition));
        return true;
    }

    public static void UnmapPartition(int partition) => Calls.Add(new Unmap(partition));

    public static void AttachFunctions(int partition) => Calls.Add(new Attach(partition));

    public static void DetachFunctions(int partition) => Calls.Add(new Detach(partition));

    public static void TakeDeviceEvents() => Calls.Add(new TakeEvents());

    static void IHardware.OpenWindow(int partition, ulong guestAddress) => Calls.Add(new OpenWindow(partition, guestAddress));

    static void IHardware.CloseWindow() => Calls.Add(new CloseWindow());

    static void IHardware.ConsoleInput(int partition) => Calls.Add(new ConsoleInput(partition));

    static void IHardware.Report(EventKind kind, StopCause cause, int partition, int core) => Calls.Add(new Report(kind, cause, partition, core));

    static void IHardware.PowerNode(bool off) => Calls.Add(new PowerNode(off));
}

internal abstract record HardwareCall;

internal sealed record Kick(int Core) : HardwareCall;

internal sealed record Interrupt(uint ApicId, byte Vector) : HardwareCall;

internal sealed record Map(int Partition) : HardwareCall;

internal sealed record Unmap(int Partition) : HardwareCall;

internal sealed record Attach(int Partition) : HardwareCall;

internal sealed record Detach(int Partition) : HardwareCall;

internal sealed record TakeEvents : HardwareCall;

internal sealed record OpenWindow(int Partition, ulong GuestAddress) : HardwareCall;

internal sealed record CloseWindow : HardwareCall;

internal sealed record ConsoleInput(int Partition) : HardwareCall;

internal sealed record Report(EventKind Kind, StopCause Cause, int Partition, int Core) : HardwareCall;

internal sealed record PowerNode(bool Off) : HardwareCall;
