using System.Diagnostics;
using System.Reflection;
using Osv.Contracts.Archives;
using Osv.Images;

namespace Osv.Bench.Monitor;

/// <summary>What is booted: the monitor, a stock kernel, and user spaces that are loads. Kept under artifacts/bench.</summary>
public static class BenchImages
{
    public static string Root { get; } = typeof(BenchImages).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(item => item.Key == "RepositoryRoot").Value!;
    public static string Folder { get; } = Path.Combine(Root, "artifacts", "bench");
    public static string Monitor { get; } = Path.Combine(Root, "artifacts", "monitor", "osv-monitor.img");
    private static string Loader { get; } = Path.Combine(Root, "artifacts", "monitor", "loader.bin");
    public static string Kernel { get; } = Path.Combine(Root, "artifacts", "ring0", "kernels", KernelName, "vmlinuz");
    public static string Plugin { get; } = Path.Combine(Folder, "plugin", "Osv.Bench.Plugin.so");
    public static string LoadInitrd { get; } = Path.Combine(Folder, "load.cpio.gz");
    private const string KernelName = "cloud-6.12";

    /// <summary>Everything but the monitor's image, which the solution's build makes.</summary>
    public static async Task BuildAsync(CancellationToken cancel)
    {
        await ExecuteAsync("bash", [Path.Combine(Root, "deploy", "images", "kernel.sh"), KernelName, Path.Combine(Root, "artifacts", "ring0", "kernels")], cancel);
        await PublishAsync(Path.Combine("tests", "bench", "Plugin"), "plugin", cancel);
        await PublishAsync(Path.Combine("tests", "bench", "Load"), "load", cancel);
        await PublishAsync(Path.Combine("tests", "Ring0", "Driver"), "driver", cancel);
        byte[] load = Skeleton().AddFile("init", await File.ReadAllBytesAsync(Path.Combine(Folder, "load", "Osv.Bench.Load"), cancel), executable: true).ToGzip();
        await File.WriteAllBytesAsync(LoadInitrd, load, cancel);
    }

    /// <summary>A payload whose partition 0 runs one tenant with this load (tests/Ring0/Driver/LoadScenarios.cs).</summary>
    public static string Payload(string load)
    {
        CpioArchive management = Skeleton();
        foreach (string applet in (string[])["sh", "mount", "poweroff"]) management.AddLink($"bin/{applet}", "busybox");
        management.AddText("init", "#!/bin/sh\nmount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev\n/driver\npoweroff -f\n", executable: true)
            .AddFile("driver", File.ReadAllBytes(Path.Combine(Folder, "driver", "Osv.Ring0.Driver")), executable: true)
            .AddFolder("tenant")
            .AddFile("tenant/kernel", File.ReadAllBytes(Kernel))
            .AddFile("tenant/initrd", File.ReadAllBytes(LoadInitrd));
        string path = Path.Combine(Folder, $"load-{load}.cpio");
        File.WriteAllBytes(path, MonitorPayload.Build(File.ReadAllBytes(Loader), File.ReadAllBytes(Kernel), management.ToGzip(), $"console=ttyS0 quiet scenario=load-{load}"));
        return path;
    }

    public static async Task ExecuteAsync(string file, string[] arguments, CancellationToken cancel)
    {
        using Process process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancel), errors = process.StandardError.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);
        if (process.ExitCode != 0) throw new InvalidOperationException($"{file} {string.Join(' ', arguments)} ended with status {process.ExitCode}:\n{await output}{await errors}");
    }

    private static Task PublishAsync(string project, string name, CancellationToken cancel) =>
        ExecuteAsync("dotnet", ["publish", Path.Combine(Root, project), "-c", "Release", "-v", "q", "-nologo", "-o", Path.Combine(Folder, name)], cancel);

    private static CpioArchive Skeleton() => new CpioArchive().AddFolder("bin").AddFolder("proc").AddFolder("sys").AddFolder("dev").AddCharacterDevice("dev/console", 5, 1)
        .AddFile("bin/busybox", File.ReadAllBytes("/bin/busybox"), executable: true);
}
