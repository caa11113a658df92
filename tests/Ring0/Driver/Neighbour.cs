using System.Globalization;
using Osv.Contracts.ControlDevice;
using Osv.Ring0.Attacker;

namespace Osv.Ring0.Driver;

/// <summary>
/// The partition next door (Attacker/Victim.cs) and partition 0 itself, watched over a stretch of time: nothing of what
/// an attacker does may show there.
/// </summary>
internal sealed class Neighbour
{
    private const uint Partition = 1;
    private const ulong Mebibytes = 32;
    private readonly Workbench _bench;
    private readonly ConsoleLines _lines;
    private long _managementNmis;
    private ulong _kicks;
    /// <summary>While nobody else had any work: rounds of its own in a second, and the longest microseconds without a look at its clock. 0: not known yet.</summary>
    private double _undisturbed, _undisturbedGap;

    public Neighbour(Workbench bench, AttackerImage image, uint core)
    {
        _bench = bench;
        _lines = new ConsoleLines(bench.Device, Partition);
        Core = core;
        bench.Create(Partition, [core], bench.TakeMemory(Mebibytes));
        image.Start(bench, Partition, new Parameters
        {
            Mode = PayloadMode.Victim,
            OwnId = core,
            SecondId = Parameters.NoCore,
            NeighbourId = Parameters.NoCore,
            MemoryBytes = Mebibytes << 20,
        });
        _lines.Await("VICTIM READY", 60);
        Begin();
        Thread.Sleep(3000);
        Check("undisturbed");
    }

    public uint Core { get; }

    public void Begin()
    {
        _managementNmis = ManagementNmis();
        _kicks = Kicks();
        _bench.Device.WriteConsole((int)Partition, "s"u8);
    }

    /// <summary>Reports what was seen since <see cref="Begin"/>, and begins anew.</summary>
    /// <param name="countersHold">Nobody has written over the counters of exits, which partition 0 can.</param>
    public void Check(string during, bool countersHold = true)
    {
        _bench.Device.WriteConsole((int)Partition, "r"u8);
        string report = _lines.Await("VICTIM ", 60);
        Console.WriteLine($"{report} during {during}");
        Dictionary<string, long> seen = report.Split(' ').Skip(1).Select(part => part.Split('=')).ToDictionary(pair => pair[0], pair => long.Parse(pair[1], CultureInfo.InvariantCulture));
        Workbench.Check(seen["rounds"] > 0 && seen["corrupt"] == 0, $"the neighbour's checksum stays the same: {report}");
        Workbench.Check(seen["nmi"] == 0, $"the neighbour gets no NMI: {report}");
        Workbench.Check(seen["unexpected"] == 0, $"the neighbour gets no interrupt but its timer's: {report}");
        // Never more ticks than there was time for; and three quarters of those due while the core was there: under emulation
        // its thread waits for the machine's few processors, and ticks merge meanwhile. A masked timer would show none.
        long most = seen["milliseconds"] * seen["hertz"] / 1000, least = (seen["milliseconds"] - seen["away"]) * seen["hertz"] / 1000 * 3 / 4 - 1;
        Workbench.Check(seen["ticks"] >= least && seen["ticks"] <= most + most / 50 + 2, $"the neighbour's timer ticks {least} to {most} times: {report}");
        Workbench.Check(ManagementNmis() == _managementNmis, "partition 0 gets no NMI");
        Workbench.Check(!countersHold || Kicks() == _kicks, $"nobody has the neighbour's core leave its guest, it did {Kicks() - _kicks} times");
        long there = seen["milliseconds"] - seen["away"];
        double rate = there == 0 ? 0 : seen["rounds"] * 1000.0 / there;
        if (_undisturbed == 0) (_undisturbed, _undisturbedGap) = (rate, seen["gap-us"]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"THROUGHPUT {100 * rate / _undisturbed:0} % of undisturbed, longest gap {seen["gap-us"]} us, undisturbed {_undisturbedGap} us, during {during}"));
        // A core that works beside it takes its share of the emulator's few processors, and so does another emulator: seen was 23 % at the least. A neighbour that an
        // attack starves does a round now and then.
        Workbench.Check(there < 500 || rate > _undisturbed / 20, $"the neighbour works {rate:0.0} rounds a second, undisturbed {_undisturbed:0.0}: {report}");
        Workbench.Pass($"the neighbour works on undisturbed: {during}");
        Begin();
    }

    /// <summary>Exits by NMI, which its guest does not see.</summary>
    private ulong Kicks() => _bench.Exits(Partition)[(int)ExitCounter.Nmi];

    private static long ManagementNmis() =>
        File.ReadLines("/proc/interrupts").First(line => line.TrimStart().StartsWith("NMI:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).TakeWhile(word => char.IsAsciiDigit(word[0])).Sum(word => long.Parse(word, CultureInfo.InvariantCulture));
}
