using System.Globalization;
using System.Text.RegularExpressions;
using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Driver;

/// <summary>A stock kernel with an NVMe disk of its own, and what it can do with it to others: nothing.</summary>
internal static partial class DeviceScenarios
{
    private const uint Owner = 1, Neighbour = 2, Bystander = 3;
    internal const uint Nvme = 0x01_0802;
    private const ulong Mebibytes = 256;

    /// <summary>The node's functions as the monitor found them.</summary>
    public static void Tell(Workbench bench)
    {
        foreach (FunctionEntry function in bench.Device.Functions)
            Console.WriteLine($"FUNCTION {function.Address:x4} {function.Vendor:x4}:{function.Device:x4} class {function.Class:x6} group {function.Group:x4} assignable {function.IsAssignable} owner {function.Partition:x}");
    }

    public static void Disk(Workbench bench)
    {
        Tell(bench);
        Workbench.Check(bench.Device.Header.HasIommu == 1, "AMD-Vi confines the node's devices");
        ushort disk = Find(bench);
        uint[] free = bench.FreeCores;
        Refusals(bench, free[0], disk);

        MemoryExtent memory = bench.TakeMemory(Mebibytes), bystander = bench.TakeMemory(32);
        bench.Create(Neighbour, [free[1]], bench.TakeMemory(128));
        bench.Start(Neighbour, Scenarios.CommandLine);
        bench.Create(Bystander, [free[2]], bystander);
        bench.CreateWithFunctions(Owner, [free[0]], memory, disk);
        bench.Start(Owner, Scenarios.CommandLine);
        bench.WaitForConsole(Owner, "LOADS DONE", 240);
        bench.WaitForConsole(Neighbour, "LOADS DONE", 240);
        string written = Sum(bench, Owner, "write", "WROTE");
        Workbench.Check(Sum(bench, Owner, "read", "READ") == written, "what was written is read");
        Workbench.Pass("a stock kernel uses its own disk");
        Interrupts(bench);

        bench.Execute(ControlOperation.Stop, Owner);
        bench.WaitFor(Owner, PartitionState.Stopped);
        bench.Start(Owner, Scenarios.CommandLine);
        bench.WaitForConsole(Owner, "LOADS DONE", 240);
        Workbench.Check(Sum(bench, Owner, "read", "READ") == written, "data outlives a stop and a start");
        Workbench.Pass("the disk is reset at a stop and works at the next start");

        Attack(bench, $"0x{bystander.HostAddress:x} 0x{bystander.HostAddress:x}");
        bench.Start(Owner, Scenarios.CommandLine);
        bench.WaitForConsole(Owner, "LOADS DONE", 240);
        Attack(bench, $"0x90000 0x{bystander.HostAddress:x}");
        bench.Device.Request.Argument = 1;
        bench.Device.Request.WindowAddress = 0;
        bench.Execute(ControlOperation.Load, Bystander);
        Workbench.Check(bench.Device.Window(0, 32 << 20).IndexOfAnyExcept((byte)0) < 0, "the memory that was aimed at is as it was");
        bench.Type(Neighbour, "alive");
        bench.WaitForConsole(Neighbour, "ALIVE");
        Workbench.Pass("a device that is told to reach beyond its owner's memory reaches nothing");

        bench.Execute(ControlOperation.Destroy, Owner);
        bench.CreateWithFunctions(4, [free[0]], memory, disk);
        bench.Start(4, Scenarios.CommandLine);
        bench.WaitForConsole(4, "LOADS DONE", 240);
        bench.Type(4, "read");
        bench.WaitForConsole(4, $"READ {written}", 60);
        Workbench.Pass("the disk goes to another partition");
    }

    private static ushort Find(Workbench bench)
    {
        foreach (FunctionEntry function in bench.Device.Functions)
            if (function.Class == Nvme && function.IsAssignable == 1) return function.Address;
        throw new InvalidOperationException("the node has no NVMe controller that can be given away");
    }

    private static unsafe void Refusals(Workbench bench, uint core, ushort disk)
    {
        MemoryExtent memory = bench.TakeMemory(16);
        Refused(bench, core, memory, ControlStatus.UnknownFunction, [0xFFFF]);
        Refused(bench, core, memory, ControlStatus.FunctionNotFree, [disk, disk]);
        foreach (FunctionEntry function in bench.Device.Functions)
        {
            if (function.IsAssignable == 0 && function.Partition == 0xFFFF) Refused(bench, core, memory, ControlStatus.FunctionNotAssignable, [function.Address]);
            if (function.Partition == 0) Refused(bench, core, memory, ControlStatus.FunctionNotFree, [function.Address]);
        }
        Workbench.Pass("functions that cannot be had are refused, each with its own code");
    }

    private static unsafe void Refused(Workbench bench, uint core, MemoryExtent memory, ControlStatus expected, ushort[] functions)
    {
        bench.FillCreate(Owner, [core], [memory]);
        bench.Device.Request.FunctionCount = (uint)functions.Length;
        for (int i = 0; i < functions.Length; i++) bench.Device.Request.Functions[i] = functions[i];
        ControlStatus status = bench.Device.TryExecute(ControlOperation.Create, out _);
        Workbench.Check(status == expected, $"functions {string.Join(' ', functions.Select(f => f.ToString("x4", CultureInfo.InvariantCulture)))}: {status} is {expected}");
    }

    internal static string Sum(Workbench bench, uint partition, string command, string answer)
    {
        bench.Type(partition, command);
        string said = bench.WaitForConsole(partition, $"-\r\n", 120);
        Match sum = Regex.Match(said, $"{answer} ([0-9a-f]{{32}})");
        Workbench.Check(sum.Success, $"{command} ends with a sum: {said}");
        return sum.Groups[1].Value;
    }

    /// <summary>On one core: nothing but the console's own exits while the disk interrupts.</summary>
    private static void Interrupts(Workbench bench)
    {
        bench.Type(Owner, "stream 1");
        long before = Count(bench.WaitForConsole(Owner, "STREAMED 1\r\n", 60));
        ulong[] first = bench.Exits(Owner);
        bench.Type(Owner, "stream 96");
        long after = Count(bench.WaitForConsole(Owner, "STREAMED 96\r\n", 120));
        ulong[] last = bench.Exits(Owner);
        ulong others = 0;
        for (int i = 0; i < first.Length; i++)
        {
            if (i is not ((int)ExitCounter.Icr or (int)ExitCounter.Console)) others += last[i] - first[i];
        }
        Console.WriteLine($"FIGURE disk interrupts={after - before} exits={others}");
        Workbench.Check(after - before >= 100, $"at least 100 interrupts of the disk, there were {after - before}");
        Workbench.Check(others == 0, $"no exit for an interrupt, there were {others}");
        Workbench.Pass("the disk's interrupts cause no exit");
    }

    private static long Count(string console) =>
        QueueLine().Matches(console).Sum(line => long.Parse(line.Groups[1].Value, CultureInfo.InvariantCulture));

    /// <summary>Admin queues of the controller at these addresses: it fetches from the one and writes to the other.</summary>
    private static void Attack(Workbench bench, string queues)
    {
        bench.Type(Owner, $"queues {queues}");
        string said = bench.WaitForConsole(Owner, "controller says 0x", 60);
        Console.WriteLine($"ATTACK {said[said.LastIndexOf("QUEUES at", StringComparison.Ordinal)..].Trim()}");
        // The controller has fetched, or tried to, by then. Whoever was stopped for it is stopped already.
        Thread.Sleep(4000);
        bool told = bench.HasEvent(EventKind.Violation, Owner) || bench.HasEvent(EventKind.DeviceRefused, 0);
        Console.WriteLine($"FIGURE refused access told={told}");
        _ = bench.TryExecute(ControlOperation.Stop, Owner);
        bench.WaitFor(Owner, PartitionState.Stopped);
        Workbench.Pass($"queues at {queues}: stopped");
    }

    [GeneratedRegex(@"^\s*\d+:\s+(\d+)\s.*nvme", RegexOptions.Multiline)]
    private static partial Regex QueueLine();
}
