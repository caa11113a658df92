using System.Reflection;
using Osv.Contracts.Archives;
using Osv.Images;

namespace Osv.Bench.Runs;

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

    /// <summary>What the kernel has no driver built in for.</summary>
    private static readonly string[] s_drivers = ["virtio_net"];

    /// <summary>As the solution's build does.</summary>
    public static async Task BuildMonitorAsync(CancellationToken cancel)
    {
        foreach (string project in (string[])["Osv.Monitor.csproj", "loader/Osv.Loader.csproj"])
            await Tool.RunAsync("dotnet", ["build", Path.Combine(Root, "monitor", project), "-c", "Release", "-v", "q", "-nologo"], cancel);
    }

    /// <summary>Everything but the monitor's image.</summary>
    public static async Task BuildAsync(CancellationToken cancel)
    {
        KernelPackage kernel = await KernelPackage.FetchAsync(KernelName, Path.Combine(Root, "deploy", "images", "kernel.sh"), Path.Combine(Root, "artifacts", "ring0", "kernels"), Console.WriteLine, cancel);
        await PublishAsync(Path.Combine("tests", "bench", "Plugin"), "plugin", cancel);
        await PublishAsync(Path.Combine("tests", "bench", "Load"), "load", cancel);
        await PublishAsync(Path.Combine("tests", "Ring0", "Driver"), "driver", cancel);
        IReadOnlyList<(string Path, byte[] Content)> modules = await kernel.ModulesAsync(s_drivers, cancel);
        CpioArchive load = Skeleton().AddFile("init", await File.ReadAllBytesAsync(Path.Combine(Folder, "load", "Osv.Bench.Load"), cancel), executable: true)
            .AddFoldersOf([.. modules.Select(module => module.Path)]);
        foreach ((string path, byte[] content) in modules) load.AddFile(path, content);
        await File.WriteAllBytesAsync(LoadInitrd, load.ToGzip(), cancel);
    }

    /// <summary>A payload whose partition 0 runs one tenant with this load (tests/Ring0/Driver/LoadScenarios.cs).</summary>
    /// <param name="options">More of partition 0's command line.</param>
    public static string Payload(string load, string options)
    {
        CpioArchive management = Skeleton();
        foreach (string applet in (string[])["sh", "mount", "poweroff"]) management.AddLink($"bin/{applet}", "busybox");
        management.AddText("init", "#!/bin/sh\nmount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev\n/driver\npoweroff -f\n", executable: true)
            .AddFile("driver", File.ReadAllBytes(Path.Combine(Folder, "driver", "Osv.Ring0.Driver")), executable: true)
            .AddFolder("tenant")
            .AddFile("tenant/kernel", File.ReadAllBytes(Kernel))
            .AddFile("tenant/initrd", File.ReadAllBytes(LoadInitrd));
        string path = Path.Combine(Folder, $"load-{load}.cpio");
        File.WriteAllBytes(path, MonitorPayload.Build(File.ReadAllBytes(Loader), File.ReadAllBytes(Kernel), management.ToGzip(), $"console=ttyS0 quiet scenario=load-{load} {options}"));
        return path;
    }

    private static Task<string> PublishAsync(string project, string name, CancellationToken cancel) =>
        Tool.RunAsync("dotnet", ["publish", Path.Combine(Root, project), "-c", "Release", "-v", "q", "-nologo", "-o", Path.Combine(Folder, name)], cancel);

    private static CpioArchive Skeleton() => new CpioArchive().AddFolder("bin").AddFolder("proc").AddFolder("sys").AddFolder("dev").AddCharacterDevice("dev/console", 5, 1)
        .AddFile("bin/busybox", File.ReadAllBytes("/bin/busybox"), executable: true);
}
