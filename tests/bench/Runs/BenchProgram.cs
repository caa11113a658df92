using System.Diagnostics;
using System.Globalization;

namespace Osv.Bench.Runs;

/// <summary>What a benchmark's program says on its way, and of the machine that it runs on.</summary>
public static class BenchProgram
{
    /// <summary>Cancelled by Ctrl-C, so that no machine of QEMU stays behind.</summary>
    public static CancellationTokenSource StopOnInterrupt()
    {
        var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, press) =>
        {
            press.Cancel = true;
            stop.Cancel();
        };
        return stop;
    }

    public static void Step(string what) => Console.WriteLine($"{DateTime.Now.ToString("HH:mm:ss", CultureInfo.InvariantCulture)} {what}");

    /// <summary>For the report: emulator, processor, how busy it is.</summary>
    public static string Machine()
    {
        using Process version = Process.Start(new ProcessStartInfo("qemu-system-x86_64", ["--version"]) { RedirectStandardOutput = true })!;
        string emulator = version.StandardOutput.ReadToEnd().Split('\n')[0].Split('(')[0].Trim();
        string processor = File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("model name", StringComparison.Ordinal)).Split(':')[1].Trim();
        string load = File.ReadAllText("/proc/loadavg").Split(' ')[0];
        return $"{emulator} (TCG) on {Environment.ProcessorCount} cores of {processor}, load average {load} at the end";
    }
}
