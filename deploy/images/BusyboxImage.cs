using Osv.Contracts.Archives;

namespace Osv.Images;

/// <summary>The tenant image <c>busybox</c>: an initramfs that is up in a second: busybox, and drivers for the network cards and disks that a tenant can own.</summary>
public static class BusyboxImage
{
    public const string CommandLine = "console=ttyS0 quiet";

    private static readonly string[] s_applets =
        ["sh", "mkdir", "mount", "cat", "echo", "ls", "ps", "poweroff", "reboot", "sleep", "nproc", "hostname", "uname", "setsid", "cttyhack", "dd", "seq", "grep", "true", "wc", "head", "free", "base64", "md5sum", "modprobe", "cut", "date", "ip", "udhcpc", "ping", "nc"];

    /// <summary>What it must be able to drive.</summary>
    internal static IReadOnlyCollection<string> Drivers { get; } = ["virtio_pci", "virtio_net", "nvme", "af_packet"];

    /// <param name="busybox">Content of a static busybox.</param>
    /// <param name="modules">Laid out for modprobe.</param>
    /// <returns>The initrd, gzipped.</returns>
    public static byte[] Initrd(ReadOnlySpan<byte> busybox, IReadOnlyList<(string Path, byte[] Content)> modules)
    {
        CpioArchive archive = new CpioArchive().AddFolder("bin").AddFolder("dev").AddFolder("proc").AddFolder("sys").AddFolder("tmp")
            .AddCharacterDevice("dev/console", 5, 1)
            .AddFile("bin/busybox", busybox, executable: true)
            .AddFile("init", EmbeddedFile.Read("tenant/busybox-init"), executable: true);
        archive.AddFoldersOf(["etc/udhcpc", .. modules.Select(module => module.Path)]).AddFile("etc/udhcpc", EmbeddedFile.Read("node/udhcpc"), executable: true).AddLink("etc/resolv.conf", "/run/osv/resolv.conf");
        foreach ((string path, byte[] content) in modules) archive.AddFile(path, content);
        foreach (string applet in s_applets) archive.AddLink($"bin/{applet}", "busybox");
        return archive.ToGzip();
    }
}
