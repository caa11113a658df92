using Osv.Contracts.Archives;

namespace Osv.Images;

/// <summary>
/// What erases disks before another tenant gets them: an initramfs with busybox, the NVMe driver and Debian's nvme-cli. It is started in the tenant's
/// own partition, before the tenant's image.
/// </summary>
public static class EraserImage
{
    /// <summary>Debian's nvme-cli puts it there.</summary>
    private const string NvmeTool = "/usr/sbin/nvme";

    private static readonly string[] s_applets = ["sh", "mkdir", "mount", "cat", "echo", "modprobe", "poweroff", "reboot", "sleep", "dd", "grep"];

    /// <summary>Writes the initrd; the same input gives the same bytes.</summary>
    /// <exception cref="InvalidOperationException">A tool or driver is missing.</exception>
    public static async Task BuildAsync(KernelPackage kernel, string output, CancellationToken cancel)
    {
        if (!File.Exists(NvmeTool)) throw new InvalidOperationException($"{NvmeTool} is missing: install the package nvme-cli");
        IReadOnlyList<(string Path, byte[] Content)> modules = await kernel.ModulesAsync(["nvme"], cancel).ConfigureAwait(false);
        var files = new List<(string Path, byte[] Content)> { ("bin/busybox", await File.ReadAllBytesAsync("/bin/busybox", cancel).ConfigureAwait(false)) };
        foreach (string path in (string[])[NvmeTool, .. await LibrariesAsync(cancel).ConfigureAwait(false)])
            files.Add((path[1..], await File.ReadAllBytesAsync(path, cancel).ConfigureAwait(false)));
        CpioArchive archive = new CpioArchive().AddFolder("dev").AddFolder("proc").AddFolder("sys").AddCharacterDevice("dev/console", 5, 1)
            .AddFoldersOf([.. files.Select(file => file.Path), .. modules.Select(module => module.Path)])
            .AddFile("init", EmbeddedFile.Read("eraser/init"), executable: true);
        foreach ((string path, byte[] content) in files) archive.AddFile(path, content, executable: true);
        foreach ((string path, byte[] content) in modules) archive.AddFile(path, content);
        foreach (string applet in s_applets) archive.AddLink($"bin/{applet}", "busybox");
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(output))!);
        await File.WriteAllBytesAsync(output + ".part", archive.ToGzip(), cancel).ConfigureAwait(false);
        File.Move(output + ".part", output, overwrite: true);
    }

    /// <summary>The loader and every library that it would load here, by path.</summary>
    private static async Task<IReadOnlyList<string>> LibrariesAsync(CancellationToken cancel)
    {
        string said = await Tool.RunAsync("ldd", [NvmeTool], cancel).ConfigureAwait(false);
        return [.. said.Split('\n').Select(line => line.Split(' ', '\t').FirstOrDefault(word => word.StartsWith('/'))).OfType<string>().Distinct(StringComparer.Ordinal)];
    }
}
