using System.Diagnostics;
using System.Reflection;
using System.Text;
using Osv.Contracts.Archives;
using Osv.Contracts.BootInterface;
using Osv.Images;

namespace Osv.Ring0.Tests;

/// <summary>Stock kernels and the initramfs archives of partition 0 and of tenants, built once per run.</summary>
public sealed class NodeImages : IAsyncLifetime
{
    public static string Root { get; } = typeof(NodeImages).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(item => item.Key == "RepositoryRoot").Value!;
    private static readonly string s_folder = Path.Combine(Root, "artifacts", "ring0");
    private static readonly string[] s_applets = ["sh", "mount", "cat", "echo", "poweroff", "reboot", "sleep", "nproc", "grep", "dd", "true", "seq", "insmod", "mkdir", "stat", "ls", "md5sum", "devmem", "printf", "head"];

    public static string Monitor { get; } = Path.Combine(Root, "artifacts", "monitor", "osv-monitor.img");

    private static string Loader { get; } = Path.Combine(Root, "artifacts", "monitor", "loader.bin");

    public async ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(s_folder);
        foreach (string kernel in (string[])["cloud-6.1", "cloud-6.12", "generic-6.12"]) await RunAsync("bash", [Path.Combine(Root, "deploy", "images", "kernel.sh"), kernel, Path.Combine(s_folder, "kernels")]);
        await RunAsync("dotnet", ["build", Path.Combine(Root, "tests", "Ring0", "Attacker"), "-c", "Release", "-v", "q", "-nologo"]);
        await RunAsync("dotnet", ["publish", Path.Combine(Root, "tests", "Ring0", "Driver"), "-c", "Release", "-v", "q", "-nologo", "-o", Path.Combine(s_folder, "driver")]);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public static byte[] Kernel(string name) => File.ReadAllBytes(Path.Combine(s_folder, "kernels", name, "vmlinuz"));

    /// <summary>A payload whose partition 0 runs one scenario of the driver with tenants of the given kernel.</summary>
    /// <param name="trace">A file of control operations for the driver.</param>
    public static string Payload(string scenario, string tenantKernel, string managementKernel = "cloud-6.12", string options = "", string? trace = null)
    {
        CpioArchive initrd = Busybox("""
            #!/bin/sh
            mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
            echo MANAGEMENT UP
            /driver && poweroff -f
            [ $? = 3 ] && echo c > /proc/sysrq-trigger
            poweroff -f
            """)
            .AddFolder("tenant")
            .AddFile("tenant/kernel", Kernel(tenantKernel))
            .AddFile("tenant/initrd", TenantInitrd(tenantKernel))
            .AddFile("tenant/attacker", File.ReadAllBytes(Path.Combine(s_folder, "attacker.bin")))
            .AddFile("driver", File.ReadAllBytes(Path.Combine(s_folder, "driver", "Osv.Ring0.Driver")), executable: true);
        if (trace != null) initrd.AddFile("trace", File.ReadAllBytes(trace));
        string path = Path.Combine(s_folder, $"{scenario}{Path.GetFileNameWithoutExtension(trace)}-{tenantKernel}-{managementKernel}.cpio");
        // Whole at once: tests that run side by side boot from the same one.
        string part = $"{path}.{Guid.NewGuid():N}";
        File.WriteAllBytes(part, MonitorPayload.Build(File.ReadAllBytes(Loader), Kernel(managementKernel), initrd.ToGzip(), $"console=ttyS0 quiet panic=1 scenario={scenario} {options}"));
        File.Move(part, path, overwrite: true);
        return path;
    }

    /// <summary>The path of a disk full of zeros.</summary>
    public static string EmptyDisk(string name, int mebibytes)
    {
        string path = Path.Combine(s_folder, $"{name}.img");
        File.Delete(path);
        using FileStream file = File.Create(path);
        file.SetLength((long)mebibytes << 20);
        return path;
    }

    /// <summary>A payload that is as it was built, with zeros where its kernel should be.</summary>
    public static string PayloadWithoutKernel()
    {
        string path = Path.Combine(s_folder, "no-kernel.cpio");
        File.WriteAllBytes(path, MonitorPayload.Build(File.ReadAllBytes(Loader), new byte[8192], new byte[512], string.Empty));
        return path;
    }

    /// <summary>
    /// A payload whose loader prints a line and then has partition 0's only core wait for its start: INIT to itself by the interrupt command
    /// register (APM vol. 2, 16.13). Where the monitor enters it are its own page tables, its descriptors and, after both, its code.
    /// </summary>
    public static string PayloadThatParks(string line)
    {
        const int Page = 4096;
        var loader = new List<byte>();
        AddPage([GuestMap.Loader + Page + 3]);
        AddPage([0x83, 0x4000_0083, 0x8000_0083, 0xC000_0083]);
        AddPage([0, 0, 0x00AF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF]);
        loader.AddRange([0x66, 0xBA, 0xF8, 0x03]); // mov dx, 3F8h
        foreach (byte character in Encoding.ASCII.GetBytes(line + "\r\n")) loader.AddRange([0xB0, character, 0xEE]); // mov al, character; out dx, al
        loader.AddRange([
            0xB9, 0x02, 0x08, 0, 0, 0x0F, 0x32, 0x89, 0xC2, // mov ecx, 802h; rdmsr; mov edx, eax
            0xB8, 0x00, 0x45, 0, 0, 0xB9, 0x30, 0x08, 0, 0, 0x0F, 0x30, // mov eax, 4500h; mov ecx, 830h; wrmsr
            0xF3, 0x90, 0xEB, 0xFC]); // pause; jmp to it
        string path = Path.Combine(s_folder, "parks.cpio");
        File.WriteAllBytes(path, MonitorPayload.Build([.. loader], new byte[8192], new byte[512], string.Empty));
        return path;

        void AddPage(ulong[] entries) => loader.AddRange([.. entries.SelectMany(BitConverter.GetBytes), .. new byte[Page - entries.Length * sizeof(ulong)]]);
    }

    private static byte[] TenantInitrd(string kernel) => Busybox("""
        #!/bin/sh
        mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
        mkdir -p /dev/shm; mount -t tmpfs -o size=90% shm /dev/shm
        echo "nproc=$(nproc) TENANT UP"
        for i in $(seq 100); do true | cat; done
        echo "LOADS DONE"
        while read word cpu other; do
            case $word in
                alive) echo ALIVE ;;
                panic) echo c > /proc/sysrq-trigger ;;
                tell) insmod /pvpanic.ko; insmod /pvpanic-mmio.ko; echo c > /proc/sysrq-trigger ;;
                reboot) reboot -f ;;
                poweroff) poweroff -f ;;
                offline) echo 0 > /sys/devices/system/cpu/cpu$cpu/online; echo "OFF $cpu left $(cat /sys/devices/system/cpu/online)" ;;
                online) echo 1 > /sys/devices/system/cpu/cpu$cpu/online; echo "ON $cpu now $(cat /sys/devices/system/cpu/online)" ;;
                fill) dd if=/dev/zero of=/dev/shm/fill bs=1M count=$cpu 2>/dev/null; dd if=/dev/shm/fill of=/dev/null bs=1M 2>/dev/null; echo "FILLED $(stat -c %s /dev/shm/fill)" ;;
                write) seq 300000 > /data; dd if=/data of=/dev/nvme0n1 bs=64k conv=fsync 2>/dev/null; echo "WROTE $(md5sum < /data)" ;;
                read) echo 3 > /proc/sys/vm/drop_caches; echo "READ $(head -c 1988895 /dev/nvme0n1 | md5sum)" ;;
                stream) echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/nvme0n1 of=/dev/null bs=1M count=$cpu 2>/dev/null; grep nvme /proc/interrupts; echo "STREAMED $cpu" ;;
                queues)
                    function=/sys/bus/pci/devices/0000:00:02.0
                    echo 0000:00:02.0 > /sys/bus/pci/drivers/nvme/unbind; echo 1 > $function/enable
                    printf '\006\004' | dd of=$function/config bs=2 seek=2 conv=notrunc 2>/dev/null
                    read base rest < $function/resource
                    devmem $((base + 0x14)) 32 0; devmem $((base + 0x24)) 32 0x000f000f
                    devmem $((base + 0x28)) 64 $cpu; devmem $((base + 0x30)) 64 $other
                    devmem $((base + 0x14)) 32 0x00460001
                    echo "QUEUES at $cpu $other, controller says $(devmem $((base + 0x1c)) 32)"
                    sleep 1; devmem $((base + 0x1000)) 32 1 ;;
                cells) for node in /sys/devices/system/node/node[0-9]*; do echo "CELL ${node##*node} cpus $(cat $node/cpulist) $(grep MemTotal $node/meminfo)"; done; echo CELLS END ;;
            esac
        done
        """)
        .AddFile("pvpanic.ko", Module(kernel, "pvpanic.ko"))
        .AddFile("pvpanic-mmio.ko", Module(kernel, "pvpanic-mmio.ko"))
        .ToGzip();

    private static byte[] Module(string kernel, string file) =>
        File.ReadAllBytes(Directory.EnumerateFiles(Path.Combine(s_folder, "kernels", kernel, "modules"), file, SearchOption.AllDirectories).Single());

    private static CpioArchive Busybox(string init)
    {
        CpioArchive archive = new CpioArchive().AddFolder("bin").AddFolder("proc").AddFolder("sys").AddFolder("dev").AddCharacterDevice("dev/console", 5, 1)
            .AddFile("bin/busybox", File.ReadAllBytes("/bin/busybox"), executable: true)
            .AddText("init", init.ReplaceLineEndings("\n") + "\n", executable: true);
        foreach (string applet in s_applets) archive.AddLink($"bin/{applet}", "busybox");
        return archive;
    }

    private static async Task RunAsync(string file, string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        process.ExitCode.ShouldBe(0, $"{file} {string.Join(' ', arguments)}\n{await output}{await errors}");
    }
}
