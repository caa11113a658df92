namespace Osv.Model;

/// <summary>One changed line of the policy, and the property whose counterexample must be found.</summary>
/// <param name="File">File of monitor/Policy.</param>
/// <param name="Line">Text that stands there exactly once.</param>
/// <param name="Faulty">What is compiled instead.</param>
/// <param name="Property">Part of the property that must be reported.</param>
public sealed record SeededFault(string Name, string File, string Line, string Faulty, string Property)
{
    public static readonly IReadOnlyList<SeededFault> All =
    [
        new("The ICR filter forgets to compare partitions", "IcrPolicy.cs",
            "if (target.Partition != partition || !IsTarget(", "if (!IsTarget(",
            "a guest of partition"),
        new("The unlocked send forgets to compare partitions", "IcrPolicy.cs",
            "=> target.Partition == sender.Partition && target.Mode == CoreMode.Running;", "=> target.Mode == CoreMode.Running;",
            "a guest of partition"),
        new("An NMI overwrites a request to stop", "IcrPolicy.cs",
            "target.Requests |= Request.Nmi;", "target.Requests = Request.Nmi;",
            "was told to stop and runs on"),
        new("An NMI that comes too early is lost at the start of a core", "Lifecycle.cs",
            "core.Requests = requests & Request.Nmi;\n            return CoreAction.EnterSipi;", "return CoreAction.EnterSipi;",
            "loses an NMI"),
        new("An NMI during an NMI handler is lost", "Lifecycle.cs",
            "core.Requests = Request.Nmi;", "",
            "loses an NMI"),
        new("Memory is handed on without clearing", "Lifecycle.cs",
            "partition.State = PartitionState.Scrubbing;", "partition.State = PartitionState.Stopped;",
            "was not cleared"),
        new("The kick that starts the clearing of memory is lost", "Lifecycle.cs",
            "THardware.Kick(partition.BootCore);", "",
            "no kick makes core"),
        new("The boot core does not see that it is to clear memory", "Lifecycle.cs",
            "partition.CoresOut == 0 && index == partition.BootCore", "partition.CoresOut == 1 && index == partition.BootCore",
            "for ever: no core has anything left to do"),
        new("A request to stop is never used up", "Lifecycle.cs",
            "core.Requests = Request.None;\n        if", "core.Requests = requests & Request.Stop;\n        if",
            "brings no stop or start nearer to its end"),
        new("The first core that is back ends the stop", "Lifecycle.cs",
            "stopping.CoresOut = stopping.CoreCount;", "stopping.CoresOut = 1;",
            "waits for 1 cores"),
        new("A start keeps requests of the former run", "Lifecycle.cs",
            "core.Requests = i == started.BootCore", "core.Requests |= i == started.BootCore",
            "that another partition, or a former run, sent"),
        new("Other cores are not kicked when a partition stops", "Lifecycle.cs",
            "machine.Cores[i].Requests = Request.Stop;\n            THardware.Kick(i);", "machine.Cores[i].Requests = Request.Stop;\n            if (i == stopping.BootCore) THardware.Kick(i);",
            "has requests that no kick makes it look at"),
        new("A core is given to two partitions", "ControlPolicy.cs",
            "if (machine.Cores[core].Partition != Machine.Nobody) return ControlStatus.CoreNotFree;", "",
            "has two owners"),
        new("Partition 0's memory counts as free", "ControlPolicy.cs",
            "for (int p = 0; p < machine.Partitions.Length; p++)", "for (int p = 1; p < machine.Partitions.Length; p++)",
            "has two owners"),
        new("The node's serial port is open to everybody", "PortPolicy.cs",
            "if (management) Open(map, Serial, 8);", "Open(map, Serial, 8);",
            "port 3F8h has two owners"),
        new("A register of the whole chip is open", "MsrPolicy.cs",
            "Open(map, 0x49, false, true);", "Open(map, 0xC001_0010, true, true);",
            "MSR C0010010h has two owners"),
        new("The load window opens on a partition in any state", "ControlPolicy.cs",
            "if (machine.Partitions[(int)request.Partition].State != PartitionState.Stopped) return ControlStatus.WrongState;", "",
            "partition 0 reaches page"),
        new("The load window stays open over a start", "ControlPolicy.cs",
            "if (machine.Window[0] == request.Partition) CloseWindow<THardware>(machine);", "",
            "partition 0 reaches page"),
        new("A partition can be destroyed while it runs", "ControlPolicy.cs",
            "if (gone.State != PartitionState.Stopped) return ControlStatus.WrongState;", "",
            "core"),
        new("A create that finds no tables leaves its extents behind", "ControlPolicy.cs",
            "made.ExtentCount = 0;", "",
            "the refused operation changed something"),
    ];

    public override string ToString() => Name;
}
