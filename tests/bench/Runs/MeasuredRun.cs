using System.Diagnostics;
using System.Globalization;
using Osv.Bench.Load;

namespace Osv.Bench.Runs;

/// <summary>One QEMU machine that ran a load to its end: what its serial port and the plugin said.</summary>
public sealed record MeasuredRun(string Serial, PluginReport Plugin)
{
    /// <summary>The number of the measured partition.</summary>
    public const int Tenant = 1;
    public const int TenantCores = 2;
    private const int TenantMebibytes = 1024, MonitorAddress = 0x10_0000;
    /// <summary>Where startup_64 of the kernel lies, 200h behind where it was loaded: QEMU's loader takes 1 MiB, ours what the kernel prefers.</summary>
    private const string EntryUnderFirmware = "0x100200", EntryInPartition = "0x1000200";
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(900);

    /// <summary>The load under the monitor, in a tenant that has the equipment; partition 0 has a core of its own.</summary>
    public static Task<MeasuredRun> OursAsync(string load, Equipment equipment, CancellationToken cancel)
    {
        long image = new FileInfo(BenchImages.Monitor).Length;
        string[] boot = ["-kernel", BenchImages.Monitor, "-initrd", BenchImages.Payload(load, equipment.Options), "-append", "p0.cores=1 p0.nics=0", .. equipment.Qemu];
        return RunAsync($"ours-{load}", boot, TenantCores + 1, TenantMebibytes + 1536, EntryInPartition, $",text=0x{MonitorAddress:x}-0x{MonitorAddress + image:x}", "DRIVER done", cancel);
    }

    /// <summary>The same kernel, user space, cores, memory and equipment straight on QEMU's machine.</summary>
    public static Task<MeasuredRun> NativeAsync(string load, Equipment equipment, CancellationToken cancel)
    {
        string[] boot = ["-kernel", BenchImages.Kernel, "-initrd", BenchImages.LoadInitrd, "-append", $"console=ttyS0 quiet tsc=nowatchdog load={load} {equipment.Options}", .. equipment.Qemu];
        return RunAsync($"native-{load}", boot, TenantCores, TenantMebibytes, EntryUnderFirmware, string.Empty, "LOADS DONE", cancel);
    }

    private static async Task<MeasuredRun> RunAsync(string name, string[] boot, int cores, int mebibytes, string entry, string text, string end, CancellationToken cancel)
    {
        string report = Path.Combine(BenchImages.Folder, $"{name}.plugin"), log = Path.Combine(BenchImages.Folder, $"{name}.log");
        string[] arguments =
        [
            "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "EPYC-Rome,+svm,+npt,+x2apic", "-smp", $"{cores}", "-m", $"{mebibytes}M",
            "-display", "none", "-nodefaults", "-serial", "stdio", "-no-reboot",
            "-plugin", $"{BenchImages.Plugin},out={report},entry={entry},marks=0x{Mark.Address:x}{text}", .. boot,
        ];
        using Process qemu = Process.Start(new ProcessStartInfo("qemu-system-x86_64", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        deadline.CancelAfter(s_limit);
        Task<string> serial = qemu.StandardOutput.ReadToEndAsync(CancellationToken.None), errors = qemu.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await qemu.WaitForExitAsync(deadline.Token);
        }
        finally
        {
            if (!qemu.HasExited) qemu.Kill();
            await File.WriteAllTextAsync(log, $"{await serial}\n{await errors}", CancellationToken.None);
        }
        string said = await serial;
        if (!said.Contains(end, StringComparison.Ordinal)) throw new InvalidOperationException($"the run {name} did not come to '{end}'; see {log}");
        return new MeasuredRun(said, PluginReport.Read(report));
    }

    /// <summary>How long a load took by the guest's clock, in seconds.</summary>
    public double LoadSeconds(Phase load) => Values($"LOAD {load} ").Single();

    /// <summary>Every value of a figure that the driver or the load printed, in order.</summary>
    public IReadOnlyList<double> Figures(string name) => [.. Values($"FIGURE {name} ")];

    private IEnumerable<double> Values(string before) =>
        from line in Serial.Split('\n')
        where line.StartsWith(before, StringComparison.Ordinal)
        select double.Parse(line.AsSpan(before.Length).TrimEnd('\r'), CultureInfo.InvariantCulture);
}
