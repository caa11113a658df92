using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Osv.Rack;

/// <summary>How this host runs a machine with AMD's SVM: by KVM where nesting works, else by emulation.</summary>
public static partial class Accelerator
{
    private const int OldestQemu = 10;

    /// <summary>
    /// An openable /dev/kvm proves nothing: the monitor needs SVM inside the machine, which KVM offers on AMD processors
    /// with nesting on only.
    /// </summary>
    public static bool HasKvm(string root = "/")
    {
        string device = Path.Combine(root, "dev/kvm"), nested = Path.Combine(root, "sys/module/kvm_amd/parameters/nested"), processors = Path.Combine(root, "proc/cpuinfo");
        if (!File.Exists(device) || !File.Exists(nested) || !File.Exists(processors)) return false;
        if (File.ReadAllText(nested).Trim() is not ("1" or "Y")) return false;
        return File.ReadLines(processors).Any(line => line.StartsWith("flags", StringComparison.Ordinal) && line.Split(' ').Contains("svm"));
    }

    /// <summary>An IOMMU that remaps interrupts wants the I/O APIC in QEMU, not in KVM.</summary>
    internal static IEnumerable<string> QemuArguments(bool kvm) => kvm
        ? ["-accel", "kvm,kernel-irqchip=split", "-cpu", "host,+svm,+x2apic"]
        : ["-accel", "tcg,thread=multi", "-cpu", "EPYC-Rome,+svm,+npt,+x2apic"];

    /// <summary>Finds QEMU and checks its version.</summary>
    /// <exception cref="RackException">It is missing or too old.</exception>
    public static async Task<string> FindQemuAsync(CancellationToken cancel)
    {
        const string Qemu = "qemu-system-x86_64";
        string output;
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(Qemu, ["--version"]) { RedirectStandardOutput = true })!;
            output = await process.StandardOutput.ReadToEndAsync(cancel).ConfigureAwait(false);
            await process.WaitForExitAsync(cancel).ConfigureAwait(false);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new RackException($"{Qemu} is not installed: install the package qemu-system-x86, on Debian 12 from bookworm-backports");
        }
        Match version = VersionPattern().Match(output);
        if (!version.Success || int.Parse(version.Groups[1].Value, CultureInfo.InvariantCulture) < OldestQemu)
        {
            throw new RackException($"{Qemu} is version {(version.Success ? version.Groups[1].Value + "." + version.Groups[2].Value : "unknown")}; {OldestQemu}.0 or newer is needed, older ones lack x2APIC in emulation: on Debian 12 install it from bookworm-backports");
        }
        return Qemu;
    }

    [GeneratedRegex(@"version (\d+)\.(\d+)")]
    private static partial Regex VersionPattern();
}
