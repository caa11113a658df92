using Osv.Contracts.Archives;

namespace Osv.Images;

/// <summary>The tenant image <c>busybox</c>: an initramfs of two files and links that is up in a second.</summary>
public static class BusyboxImage
{
    public const string CommandLine = "console=ttyS0 quiet";

    private static readonly string[] s_applets =
        ["sh", "mount", "cat", "echo", "ls", "ps", "poweroff", "reboot", "sleep", "nproc", "hostname", "uname", "setsid", "cttyhack", "dd", "seq", "grep", "true", "wc", "head", "free", "base64", "md5sum", "insmod", "cut", "date"];

    /// <param name="busybox">Content of a static busybox.</param>
    /// <returns>The initrd, gzipped.</returns>
    public static byte[] Initrd(ReadOnlySpan<byte> busybox)
    {
        CpioArchive archive = new CpioArchive().AddFolder("bin").AddFolder("dev").AddFolder("proc").AddFolder("sys").AddFolder("tmp")
            .AddCharacterDevice("dev/console", 5, 1)
            .AddFile("bin/busybox", busybox, executable: true)
            .AddFile("init", EmbeddedFile.Read("tenant/busybox-init"), executable: true);
        foreach (string applet in s_applets) archive.AddLink($"bin/{applet}", "busybox");
        return archive.ToGzip();
    }
}
