using Osv.Ring0.Driver;

// The status that makes init panic its kernel.
const int Dies = 3;

// Which scenario to run stands on partition 0's kernel command line: scenario=NAME.
string name = Option("scenario") ?? "none";
using var bench = new Workbench();
try
{
    switch (name)
    {
        case "boot": break;
        case "tenants": Scenarios.Tenants(bench); break;
        case "lifecycle": Scenarios.Lifecycle(bench); break;
        case "refusals": Scenarios.Refusals(bench); break;
        case "eight": TopologyScenarios.Eight(bench); break;
        case "cells": TopologyScenarios.Cells(bench); break;
        case "siblings": TopologyScenarios.Siblings(bench); break;
        case "hotplug": TopologyScenarios.Hotplug(bench); break;
        case "high-ids": TopologyScenarios.HighIds(bench); break;
        case "window": WindowScenarios.Closes(bench); break;
        case "failures": FailureScenarios.Failures(bench); break;
        case "monitor-fault": FailureScenarios.AwaitMonitorFault(bench); break;
        case "management-dies" when bench.Device.Header.ManagementRestarts == 0:
            FailureScenarios.BeforeDeath(bench);
            return Dies;
        case "management-dies": FailureScenarios.AfterDeath(bench); break;
        case "management-hangs" when bench.Device.Header.ManagementRestarts == 0: FailureScenarios.BeforeHang(bench); break;
        case "management-hangs": FailureScenarios.AfterHang(bench); break;
        case "load-assignment": AssignmentScenarios.Run(bench); break;
        case { } load when load.StartsWith("load-", StringComparison.Ordinal): LoadScenarios.Run(bench, load["load-".Length..], $"peer={Option("peer")}"); break;
        case "times": TimeScenarios.Run(bench, Option("monitor-code")!); break;
        case "functions": DeviceScenarios.Tell(bench); break;
        case "disk": DeviceScenarios.Disk(bench); break;
        case "attack-devices": DeviceAttacks.Run(bench, Option("monitor-code")!, refused: false); break;
        case "attack-dma": DeviceAttacks.Run(bench, Option("monitor-code")!, refused: true, told: Option("events") == "1"); break;
        case "device-events": DeviceAttacks.Events(bench, Option("monitor-code")!); break;
        case "attack-cases": AttackScenarios.Cases(bench, Option("monitor-code")!); break;
        case "attack-sweeps": AttackScenarios.Sweeps(bench, Option("monitor-code")!); break;
        case "trace": TraceScenarios.Run(bench); break;
        case "attack-endings": AttackScenarios.Endings(bench, Option("monitor-code")!); break;
        case "attack-storms": AttackScenarios.StormsOfTwoCores(bench, Option("monitor-code")!); break;
        case "attack-races": RaceScenarios.Run(bench, Option("monitor-code")!); break;
        case "attack-control": ControlScenarios.Run(bench, Option("monitor-code")!); break;
        default: throw new InvalidOperationException($"no scenario {name}");
    }
    Console.WriteLine("DRIVER done");
    return 0;
}
catch (Exception error)
{
    Console.WriteLine($"DRIVER failed: {error}");
    return 1;
}
finally
{
    // init powers the node off next, which does not wait for what the terminal still holds.
    Terminal.Drain();
}

static string? Option(string key) =>
    File.ReadAllText("/proc/cmdline").Split(' ', '\n').FirstOrDefault(word => word.StartsWith($"{key}=", StringComparison.Ordinal))?[(key.Length + 1)..];
