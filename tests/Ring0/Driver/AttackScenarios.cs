using Osv.Contracts.ControlDevice;
using Osv.Ring0.Attacker;

namespace Osv.Ring0.Driver;

/// <summary>A hostile tenant beside a working one: what it tries is in tests/Ring0/Attacker.</summary>
internal static class AttackScenarios
{
    internal const uint Partition = 2;
    private const ulong Mebibytes = 16;
    /// <summary>An ending of which only this is foretold, that it comes.</summary>
    private const StopCause AnyCause = (StopCause)0xFF;

    internal static (AttackerImage Image, Neighbour Neighbour, Parameters Parameters, ConsoleLines Lines) SetUp(Workbench bench, string monitorCode, int cores)
    {
        var image = new AttackerImage(monitorCode);
        uint[] free = bench.FreeCores;
        var neighbour = new Neighbour(bench, image, free[0]);
        uint[] own = free[1..(1 + cores)];
        bench.Create(Partition, own, bench.TakeMemory(Mebibytes));
        bench.WaitForEvent(EventKind.Stopped, Partition);
        var parameters = new Parameters
        {
            OwnId = own[0],
            SecondId = cores > 1 ? own[1] : Parameters.NoCore,
            NeighbourId = neighbour.Core,
            ManagementId = ManagementCore(bench),
            MemoryBytes = Mebibytes << 20,
        };
        return (image, neighbour, parameters, new ConsoleLines(bench.Device, Partition));
    }

    internal static uint ManagementCore(Workbench bench)
    {
        foreach (CoreEntry core in bench.Device.Cores)
        {
            if (core.Partition == 0) return core.ApicId;
        }
        throw new InvalidOperationException("the core table shows no core of partition 0");
    }

    /// <summary>Every group of cases that a partition survives, but for the sweeps.</summary>
    public static void Cases(Workbench bench, string monitorCode)
    {
        int total = Run(bench, monitorCode, [.. Enum.GetValues<CaseGroup>().Where(group => group is not (CaseGroup.MsrSweep or CaseGroup.PortSweep or CaseGroup.Devices or CaseGroup.Count))]);
        Workbench.Check(total >= 500, $"{total} cases are at least 500");
        Workbench.Pass("no case of the attack reaches beyond its partition");
    }

    /// <summary>All registers and all ports.</summary>
    public static void Sweeps(Workbench bench, string monitorCode)
    {
        Run(bench, monitorCode, CaseGroup.MsrSweep, CaseGroup.PortSweep);
        Workbench.Pass("no register and no port reaches beyond its partition");
    }

    /// <summary>How many cases were good; none was not.</summary>
    private static int Run(Workbench bench, string monitorCode, params ReadOnlySpan<CaseGroup> groups)
    {
        var (image, neighbour, parameters, lines) = SetUp(bench, monitorCode, 1);
        int total = 0, failed = 0;
        foreach (CaseGroup group in groups)
        {
            image.Start(bench, Partition, parameters with { Mode = PayloadMode.Cases, Argument = (uint)group });
            (int good, int bad) = Count(bench, lines, group.ToString());
            total += good;
            failed += bad;
            StopIt(bench);
            neighbour.Check(group.ToString());
        }
        Workbench.Check(failed == 0, $"all cases are ok, {failed} are not");
        return total;
    }

    /// <summary>Shows the verdicts, one line a case, until the payload has finished.</summary>
    internal static (int Good, int Bad) Count(Workbench bench, ConsoleLines lines, string what)
    {
        int good = 0, bad = 0;
        while (true)
        {
            string line = lines.Next(240, () => bench.Device.Partitions[(int)Partition].State == (uint)PartitionState.Running);
            if (line == "FINISHED") break;
            if (line == "SYNC")
            {
                bench.Device.WriteConsole((int)Partition, "\n"u8);
                continue;
            }
            Console.WriteLine(line);
            if (line.StartsWith("CASE ", StringComparison.Ordinal) && line.Contains(" ok ", StringComparison.Ordinal)) good++;
            else bad++;
            if (line.StartsWith("PAYLOAD BROKEN", StringComparison.Ordinal)) break;
        }
        Console.WriteLine($"CASES {what} ok={good} FAIL={bad}");
        return (good, bad);
    }

    internal static void StopIt(Workbench bench)
    {
        bench.Execute(ControlOperation.Stop, Partition);
        EventEntry stopped = bench.WaitForEvent(EventKind.Stopped, Partition);
        Workbench.Check(stopped.Cause == (uint)StopCause.Requested, $"cause {(StopCause)stopped.Cause} is Requested");
        bench.WaitFor(Partition, PartitionState.Stopped);
    }

    /// <summary>Every case that ends the partition: what the event says, and that the next owner finds nothing.</summary>
    public static void Endings(Workbench bench, string monitorCode)
    {
        var (image, neighbour, parameters, lines) = SetUp(bench, monitorCode, 1);
        int good = 0, bad = 0;
        uint number = 0;
        for (; ; number++)
        {
            lines.Clear();
            image.Start(bench, Partition, parameters with { Mode = PayloadMode.Ending, Argument = number });
            string about = lines.Await("ABOUT ");
            if (about.StartsWith("ABOUT none", StringComparison.Ordinal)) break;
            if (EndsAsForetold(bench, lines, about)) good++;
            else bad++;
        }
        StopIt(bench);
        Console.WriteLine($"CASES Endings ok={good} FAIL={bad}");
        Workbench.Check(bad == 0, $"every ending is the one foretold, {bad} are not");
        Workbench.Pass("a partition that reaches beyond its memory is stopped, and the event says where");
        neighbour.Check("endings");
        // The last ending leaves everything it can in the core and the memory that the next owner gets.
        image.Start(bench, Partition, parameters with { Mode = PayloadMode.Ending, Argument = number - 1 });
        bench.WaitForEvent(EventKind.Stopped, Partition);
        bench.WaitFor(Partition, PartitionState.Stopped);
        lines.Clear();
        image.Start(bench, Partition, parameters with { Mode = PayloadMode.Residue });
        (good, bad) = Count(bench, lines, "Residue");
        StopIt(bench);
        Workbench.Check(good > 0 && bad == 0, $"nothing of an owner is left for the next, {bad} cases found some");
        Workbench.Pass("nothing of an owner is left for the next");
    }

    private static bool EndsAsForetold(Workbench bench, ConsoleLines lines, string about)
    {
        string[] words = about.Split(' ');
        ulong[] foretold = [.. words[2..].Select(word => Convert.ToUInt64(word, 16))];
        var cause = (StopCause)foretold[0];
        if (cause is StopCause.Requested or AnyCause && Lingers(bench)) bench.Execute(ControlOperation.Stop, Partition);
        List<EventEntry> events = bench.EventsUntil(EventKind.Stopped, Partition);
        bench.WaitFor(Partition, PartitionState.Stopped);
        string problem = Judge(foretold, cause, events);
        Console.WriteLine(problem.Length == 0 ? $"CASE {about} ok" : $"FAIL {about}: {problem}");
        if (problem.Length == 0) return true;
        lines.Clear();
        return false;
    }

    /// <summary>Hanging, halted or waiting for ever, while it is probed. False when it ended by itself.</summary>
    private static bool Lingers(Workbench bench)
    {
        for (int i = 0; i < 3; i++)
        {
            Thread.Sleep(20);
            if (bench.TryExecute(ControlOperation.Probe, Partition) != ControlStatus.Ok) return false;
        }
        return true;
    }

    private static string Judge(ulong[] foretold, StopCause cause, List<EventEntry> events)
    {
        EventEntry stopped = events[^1];
        if (cause == AnyCause) return string.Empty;
        if (stopped.Cause != (uint)cause) return $"cause is {(StopCause)stopped.Cause}";
        EventEntry[] violations = [.. events.Where(item => item.Kind == (uint)EventKind.Violation)];
        if (cause != StopCause.MemoryViolation) return violations.Length == 0 ? string.Empty : "an event of a violation";
        if (violations.Length != 1) return $"{violations.Length} events of violations";
        EventEntry seen = violations[0];
        if (seen.Cause != (uint)cause) return $"the event's cause is {(StopCause)seen.Cause}";
        // 0: not foretold. A switch of tasks or tables changes CR3 with the access that fails.
        if (foretold[1] != 0 && seen.Rip != foretold[1]) return $"RIP is {seen.Rip:x}";
        if (seen.Cr2 != foretold[2]) return $"CR2 is {seen.Cr2:x}";
        if (foretold[1] != 0 && seen.Cr3 != foretold[3]) return $"CR3 is {seen.Cr3:x}";
        if (foretold[4] != 0 && seen.Detail != foretold[4]) return $"the address is {seen.Detail:x}";
        return string.Empty;
    }

    /// <summary>Two cores that interrupt each other, restart each other and exit as often as they can.</summary>
    public static void StormsOfTwoCores(Workbench bench, string monitorCode)
    {
        var (image, neighbour, parameters, lines) = SetUp(bench, monitorCode, 2);
        int failed = 0;
        for (Storm storm = 0; storm < Storm.Count; storm++)
        {
            lines.Clear();
            image.Start(bench, Partition, parameters with { Mode = PayloadMode.Storm, Argument = (uint)storm });
            switch (storm)
            {
                case Storm.InterruptShadow:
                    lines.Await("STORM READY");
                    for (int i = 0; i < 300; i++) bench.Execute(ControlOperation.Probe, Partition);
                    bench.Device.WriteConsole((int)Partition, "\n"u8);
                    failed += Count(bench, lines, storm.ToString()).Bad;
                    break;
                case Storm.RewrittenBeyond:
                    lines.Await("STORM READY");
                    EventEntry end = bench.WaitForEvent(EventKind.Stopped, Partition);
                    Workbench.Check(end.Cause == (uint)StopCause.MemoryViolation, $"cause {(StopCause)end.Cause} is MemoryViolation");
                    bench.WaitFor(Partition, PartitionState.Stopped);
                    neighbour.Check(storm.ToString());
                    continue;
                case Storm.NmiWithoutEnd:
                    lines.Await("STORM READY");
                    for (int i = 0; i < 200; i++) bench.Execute(ControlOperation.Probe, Partition);
                    break;
                case Storm.Parked:
                    lines.Await("STORM READY");
                    ulong events = bench.Device.Header.EventCount;
                    bench.ProbeFor(Partition, milliseconds: 2500);
                    Workbench.Check(bench.Device.Header.EventCount == events, "a parked core beside a working one is not told as hanging");
                    Workbench.Pass("a parked core is not taken for a hanging one");
                    break;
                case Storm.Spinning or Storm.Dead:
                    lines.Await("STORM READY");
                    bench.ProbeFor(Partition, milliseconds: 2500);
                    bench.WaitForEvent(EventKind.Hung, Partition);
                    Workbench.Pass($"a hang is told: {storm}");
                    break;
                default:
                    failed += Count(bench, lines, storm.ToString()).Bad;
                    break;
            }
            StopIt(bench);
            neighbour.Check(storm.ToString());
        }
        Workbench.Check(failed == 0, $"all storms are ok, {failed} are not");
        Workbench.Pass("storms stay within their partition and end when partition 0 says so");
    }
}
