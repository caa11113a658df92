using Osv.Contracts.ControlDevice;
using Osv.Ring0.Attacker;

namespace Osv.Ring0.Driver;

/// <summary>Ends that meet: of two cores of one partition, and of a core and partition 0.</summary>
internal static class RaceScenarios
{
    private const uint Partition = AttackScenarios.Partition;
    private const int Stops = 100;
    /// <summary>Of random moments.</summary>
    private const int Seed = 20_261_128;

    public static void Run(Workbench bench, string monitorCode)
    {
        var (image, neighbour, parameters, lines) = AttackScenarios.SetUp(bench, monitorCode, 2);
        var random = new Random(Seed);
        for (WayOut first = 0; first < WayOut.Count; first++)
        {
            for (WayOut second = 0; second < WayOut.Count; second++)
            {
                End(bench, image, parameters with { Mode = PayloadMode.EndsAtOnce, Argument = (uint)first | ((uint)second << 8) }, lines, stops: false);
                End(bench, image, parameters with { Mode = PayloadMode.EndsAtOnce, Argument = (uint)first | ((uint)second << 8) }, lines, stops: true);
            }
        }
        Workbench.Pass("two cores that end their partition at once end it once");
        neighbour.Check("ends at once");

        for (int i = 0; i < Stops; i++) StopAtSomeMoment(bench, image, parameters with { Mode = PayloadMode.Storm, Argument = (uint)(i % 2 == 0 ? Storm.Exits : Storm.Nmi) }, random);
        Workbench.Pass("a partition that is stopped at any moment stops once and starts again");
        neighbour.Check("stops at random moments");
    }

    private static void End(Workbench bench, AttackerImage image, Parameters parameters, ConsoleLines lines, bool stops)
    {
        var first = (WayOut)(parameters.Argument & 0xFF);
        var second = (WayOut)(parameters.Argument >> 8);
        lines.Clear();
        ulong events = bench.Device.Header.EventCount;
        image.Start(bench, Partition, parameters);
        lines.Await("ENDS READY");
        // An INIT may reach the other core before it has acted.
        bool endless = first == WayOut.Init || second == WayOut.Init;
        if (stops || endless) bench.TryExecute(ControlOperation.Stop, Partition);
        bench.WaitFor(Partition, PartitionState.Stopped);
        EventEntry end = OnlyStop(bench, events);
        var cause = (StopCause)end.Cause;
        bool foretold = cause == Cause(first) || cause == Cause(second) || (cause == StopCause.Requested && (stops || endless));
        Workbench.Check(foretold, $"cause {cause} is that of {first}, of {second}{(stops ? " or Requested" : string.Empty)}");
    }

    private static StopCause Cause(WayOut end) => end switch
    {
        WayOut.Reset => StopCause.Reset,
        WayOut.PowerOff => StopCause.PowerOff,
        WayOut.TripleFault => StopCause.TripleFault,
        WayOut.Violation => StopCause.MemoryViolation,
        _ => StopCause.Requested,
    };

    private static void StopAtSomeMoment(Workbench bench, AttackerImage image, Parameters parameters, Random random)
    {
        ulong events = bench.Device.Header.EventCount;
        image.Start(bench, Partition, parameters);
        Thread.Sleep(random.Next(4));
        for (int pause = random.Next(20_000); pause > 0; pause--) Thread.SpinWait(1);
        Workbench.Check(bench.TryExecute(ControlOperation.Stop, Partition) == ControlStatus.Ok, "a running partition can be stopped");
        // Until its memory is clear nobody may look at it.
        while (bench.Device.Partitions[(int)Partition].State != (uint)PartitionState.Stopped)
        {
            ControlStatus opened = bench.TryExecute(ControlOperation.Load, Partition);
            bool arrived = bench.Device.Partitions[(int)Partition].State == (uint)PartitionState.Stopped;
            Workbench.Check(opened == ControlStatus.WrongState || (opened == ControlStatus.Ok && arrived), $"the window of a partition that is being stopped stays shut: {opened}");
        }
        OnlyStop(bench, events);
    }

    /// <summary>The one event since then that says the partition stopped.</summary>
    private static EventEntry OnlyStop(Workbench bench, ulong since)
    {
        // The tables are made anew under the lock of whoever writes events.
        bench.Device.Execute(ControlOperation.Topology);
        EventEntry[] stops = [.. Enumerable.Range(1, (int)(bench.Device.Header.EventCount - since))
            .Select(i => bench.Device.Event(since + (ulong)i)).OfType<EventEntry>().Where(entry => entry.Kind == (uint)EventKind.Stopped && entry.Partition == Partition)];
        Workbench.Check(stops.Length == 1, $"{stops.Length} events of a stop are one");
        return stops[0];
    }
}
