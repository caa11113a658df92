using System.Diagnostics;
using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Driver;

/// <summary>What functions add to the life of a partition: the same one without and with all of the node's, in turn.</summary>
internal static class AssignmentScenarios
{
    private const uint Tenant = 1;
    // Little memory: clearing it takes longer than all that is measured here, and is the same in both.
    private const ulong Mebibytes = 256;
    private const int Rounds = 9, LimitSeconds = 600;

    public static void Run(Workbench bench)
    {
        uint[] free = bench.FreeCores;
        MemoryExtent memory = bench.TakeMemory(Mebibytes);
        ushort[] functions = bench.FreeFunctions;
        Workbench.Check(functions.Length > 0, "the node has functions that can be given away");
        for (int round = 0; round < Rounds; round++)
        {
            Live(bench, "without", [free[0], free[1]], memory, []);
            Live(bench, "with", [free[0], free[1]], memory, functions);
        }
    }

    /// <summary>Made, started, up, stopped, gone; by partition 0's clock, to its 5 ms.</summary>
    private static void Live(Workbench bench, string which, uint[] cores, MemoryExtent memory, ushort[] functions)
    {
        var clock = Stopwatch.StartNew();
        bench.CreateWithFunctions(Tenant, cores, memory, functions);
        bench.Start(Tenant, LoadScenarios.CommandLine("wait"));
        LoadScenarios.Figure($"start.{which}.ms", clock.Elapsed.TotalMilliseconds);
        bench.WaitForConsole(Tenant, "USER SPACE", LimitSeconds);
        LoadScenarios.Figure($"boot.{which}.ms", clock.Elapsed.TotalMilliseconds);
        clock.Restart();
        bench.Execute(ControlOperation.Stop, Tenant);
        bench.WaitFor(Tenant, PartitionState.Stopped);
        LoadScenarios.Figure($"stop.{which}.ms", clock.Elapsed.TotalMilliseconds);
        bench.Execute(ControlOperation.Destroy, Tenant);
        bench.WaitFor(Tenant, PartitionState.Absent);
    }
}
