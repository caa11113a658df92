using System.Globalization;
using Osv.Contracts.ControlDevice;
using Osv.Ring0.Attacker;

namespace Osv.Ring0.Driver;

/// <summary>How long restarts and failures take, in milliseconds of the node's own time.</summary>
internal static class TimeScenarios
{
    private const int Restarts = 5, Faults = 20;
    private const uint Tenant = 1, Faulty = 2;

    /// <summary>Stop with scrub, load and start of 1 GiB; then from a guest's triple fault to its event.</summary>
    public static void Run(Workbench bench, string monitorCode)
    {
        uint[] free = bench.FreeCores;
        bench.Create(Tenant, [free[0], free[1]], bench.TakeMemory(1024));
        bench.Start(Tenant, Scenarios.CommandLine);
        for (int i = 0; i < Restarts; i++)
        {
            bench.WaitForConsole(Tenant, "TENANT UP");
            long start = Environment.TickCount64;
            bench.Execute(ControlOperation.Stop, Tenant);
            bench.WaitFor(Tenant, PartitionState.Stopped);
            long stopped = Environment.TickCount64;
            bench.Start(Tenant, Scenarios.CommandLine);
            long started = Environment.TickCount64;
            Figure("restart.stop.ms", stopped - start);
            Figure("restart.ms", started - start);
        }
        bench.Execute(ControlOperation.Stop, Tenant);
        bench.WaitFor(Tenant, PartitionState.Stopped);

        bench.Create(Faulty, [free[2]], bench.TakeMemory(16));
        var image = new AttackerImage(monitorCode);
        for (int i = 0; i < Faults; i++)
        {
            image.Start(bench, Faulty, new Parameters { OwnId = free[2], SecondId = Parameters.NoCore, MemoryBytes = 16 << 20, Mode = PayloadMode.TimedFault });
            EventEntry failed = bench.WaitForEvent(EventKind.Failed, Faulty);
            const ulong Shutdown = 0x7F;
            Workbench.Check(failed.Detail == Shutdown, $"the event's detail {failed.Detail:x} is the code of the exit");
            // The payload left the time in CR2 before its last instruction.
            Figure("fault.ms", (failed.Tsc - failed.Cr2) / (double)bench.Device.Header.TscKilohertz);
            bench.WaitFor(Faulty, PartitionState.Stopped);
        }
    }

    private static void Figure(string name, double value) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"FIGURE {name} {value:F3}"));
}
