using Osv.Agent.Partitions;
using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Driver;

/// <summary>The load window: what partition 0 can reach of a tenant, and until when.</summary>
internal static class WindowScenarios
{
    private const ulong KernelAt = 16 << 20;
    private const int Bytes = 1 << 20;
    /// <summary>What partition 0 itself writes through the closed window, and may see there.</summary>
    private const byte Ours = 0x5A;

    /// <summary>
    /// While one core of partition 0 starts and stops a tenant, the other reads through the window without a pause:
    /// once Start has returned, not one more byte of the tenant is seen, whatever translations that core had.
    /// </summary>
    public static void Closes(Workbench bench)
    {
        ControlDevice device = bench.Device;
        bench.Create(1, [bench.FreeCores[0]], bench.TakeMemory(128));
        Workbench.Check(device.Window(KernelAt, Bytes).IndexOfAnyExcept((byte)0) < 0, "a closed window shows nothing");

        bool stop = false, started = false;
        ulong leaks = 0, seenOpen = 0, reads = 0;
        var reader = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                bool after = Volatile.Read(ref started);
                bool something = device.Window(KernelAt, Bytes).IndexOfAnyExcept((byte)0, Ours) >= 0;
                // Read again: a start may have begun in between, a stop may have ended.
                after &= Volatile.Read(ref started);
                reads++;
                if (!something) continue;
                if (after) leaks++;
                else seenOpen++;
            }
        });
        reader.Start();
        for (int round = 0; round < 5; round++)
        {
            bench.Start(1, Scenarios.CommandLine);
            Volatile.Write(ref started, true);
            bench.WaitForConsole(1, "TENANT UP");
            device.Window(KernelAt, 4096).Fill(Ours);       // goes nowhere: the tenant runs on, its memory untouched
            device.Window(KernelAt, 4096).Clear();
            bench.Type(1, "alive");
            bench.WaitForConsole(1, "ALIVE", 120);
            Volatile.Write(ref started, false);
            bench.Execute(ControlOperation.Stop, 1);
            bench.WaitFor(1, PartitionState.Stopped);
        }
        Volatile.Write(ref stop, true);
        reader.Join();
        Console.WriteLine($"FIGURE window reads={reads} open={seenOpen} leaks={leaks}");
        Workbench.Check(seenOpen > 0, "the reader saw the kernel while it was loaded, so it would have seen a leak");
        Workbench.Check(leaks == 0, $"{leaks} of {reads} reads showed a running tenant's memory");
        Workbench.Pass("the window is closed for every core of partition 0 once a tenant has started");

        device.Request.Argument = 1;
        device.Request.WindowAddress = 0;
        device.Request.Partition = 1;
        bench.Start(1, Scenarios.CommandLine);
        Workbench.Check(device.TryExecute(ControlOperation.Load, out _) == ControlStatus.WrongState, "the window of a running partition does not open");
        Workbench.Pass("the window of a running partition does not open");
    }
}
