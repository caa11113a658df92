using System.Globalization;
using Osv.Bench.Load;

// Runs as init. The kernel hands on load=NAME and peer=PORT of its command line as environment variables.
Marks.Enter(Phase.Between);
Console.WriteLine("USER SPACE");
try
{
    Linux.Mount("proc", "/proc");
    Loads.EndBootPhase();
    string name = Environment.GetEnvironmentVariable("load") ?? "none named";
    switch (name)
    {
        case "brisk":
            Busy(LoadSize.ShortRoundTrips);
            break;
        case "short":
            Loads.Idle(LoadSize.ShortIdleSeconds);
            Busy(LoadSize.ShortRoundTrips);
            break;
        case "long":
            Loads.Idle(LoadSize.LongIdleSeconds);
            Busy(LoadSize.LongRoundTrips);
            break;
        case "devices":
            Linux.Mount("devtmpfs", "/dev");
            Linux.Mount("sysfs", "/sys");
            DeviceLoads.Run(int.Parse(Environment.GetEnvironmentVariable("peer")!, CultureInfo.InvariantCulture));
            break;
        case "wait":
            Thread.Sleep(Timeout.Infinite);
            break;
        case "fault":
            // With reboot=triple on the command line the emergency restart is a triple fault, at once.
            Console.WriteLine($"FAULT AT {Registers.TimeStamp()}");
            File.WriteAllText("/proc/sysrq-trigger", "b");
            break;
        default: throw new InvalidOperationException($"there is no load '{name}'");
    }
    Marks.Enter(Phase.Done);
    Linux.End("LOADS DONE");
}
catch (Exception error)
{
    Linux.End($"LOADS FAILED {error}");
}

static void Busy(int roundTrips)
{
    Loads.Pipe(roundTrips);
    Loads.Exec();
    Loads.Memory();
}
