using System.Security.Cryptography;
using System.Text;
using Osv.Contracts.Archives;

namespace Osv.Images;

/// <summary>
/// The image that every node netboots: a stock Debian kernel, busybox, drivers, and the agent, as the monitor's payload.
/// Same input, same bytes.
/// </summary>
public static class NodeImage
{
    /// <summary>What the image may have at most: it is fetched by every node at every boot.</summary>
    public const int MaxBytes = 48 << 20;

    /// <summary>
    /// Quiet, and a Linux that dies is restarted by the monitor instead of standing there. One without memory dies, too: what fills it are files in
    /// memory, so that killing programs, the agent among them, frees nothing.
    /// </summary>
    private const string CommandLine = "console=ttyS0 quiet panic=1 oops=panic sysctl.vm.panic_on_oom=1";

    private static readonly string[] s_applets =
        ["sh", "init", "mount", "cat", "echo", "ls", "ps", "poweroff", "reboot", "sleep", "ip", "udhcpc", "modprobe", "lsmod", "date", "mkdir", "tr", "cut", "tail", "grep", "free", "dmesg", "kill", "pidof", "wget", "nproc"];

    /// <summary>What a node must be able to drive, as modules or built in: network cards of emulated machines, and NVMe.</summary>
    private static readonly string[] s_emulated = ["virtio_pci", "virtio_net", "ena", "mlx5_core", "nvme", "af_packet"];

    /// <summary>Cards of real machines, which Debian's cloud kernels leave out.</summary>
    private static readonly string[] s_real = ["e1000e", "e1000", "igb", "igc", "ixgbe", "i40e", "ice", "tg3", "bnxt_en"];

    /// <summary>Writes the payload; does nothing when it is there and made from the same inputs.</summary>
    /// <param name="loader">What unpacks the payload in partition 0: artifacts/monitor/loader.bin.</param>
    /// <param name="busybox">A static busybox.</param>
    /// <param name="agent">The agent, published as a static executable.</param>
    /// <param name="output">The payload; beside it OUTPUT.inputs says what it was made from.</param>
    public static async Task BuildAsync(string loader, KernelPackage kernel, string busybox, string agent, string output, CancellationToken cancel = default)
    {
        IReadOnlyList<(string Path, byte[] Content)> modules = await kernel.ModulesAsync(Drivers(kernel.Name), cancel).ConfigureAwait(false);
        var files = new List<(string Path, byte[] Content, bool Executable)>
        {
            ("bin/busybox", await File.ReadAllBytesAsync(busybox, cancel).ConfigureAwait(false), true),
            ("bin/osv-agent", await File.ReadAllBytesAsync(agent, cancel).ConfigureAwait(false), true),
            ("etc/inittab", EmbeddedFile.Read("node/inittab"), false),
            ("etc/rc", EmbeddedFile.Read("node/rc"), true),
            ("etc/udhcpc", EmbeddedFile.Read("node/udhcpc"), true),
        };
        files.AddRange(modules.Select(module => (module.Path, module.Content, false)));
        byte[] image = await File.ReadAllBytesAsync(kernel.Image, cancel).ConfigureAwait(false);

        byte[] boot = await File.ReadAllBytesAsync(loader, cancel).ConfigureAwait(false);
        string inputs = Inputs(boot, image, files);
        string record = output + ".inputs";
        if (File.Exists(output) && File.Exists(record) && await File.ReadAllTextAsync(record, cancel).ConfigureAwait(false) == inputs) return;
        byte[] payload = MonitorPayload.Build(boot, image, Initramfs(files).ToGzip(), CommandLine);
        if (payload.Length > MaxBytes) throw new InvalidOperationException($"the node image has {payload.Length} bytes, more than {MaxBytes}: see which module or program has grown");
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(output))!);
        await File.WriteAllBytesAsync(output + ".part", payload, cancel).ConfigureAwait(false);
        File.Move(output + ".part", output, overwrite: true);
        await File.WriteAllTextAsync(record, inputs, cancel).ConfigureAwait(false);
    }

    private static string[] Drivers(string kernel) => kernel switch
    {
        NodeArtifacts.CloudKernel => s_emulated,
        NodeArtifacts.GenericKernel => [.. s_emulated, .. s_real],
        _ => throw new ArgumentException($"kernel {kernel} is not one of node images; there are {NodeArtifacts.CloudKernel}, {NodeArtifacts.GenericKernel}", nameof(kernel)),
    };

    private static CpioArchive Initramfs(List<(string Path, byte[] Content, bool Executable)> files)
    {
        var archive = new CpioArchive();
        foreach (string folder in (string[])["dev", "proc", "sys", "run", "root", "tmp"]) archive.AddFolder(folder);
        archive.AddFoldersOf(files.Select(file => file.Path));
        archive.AddCharacterDevice("dev/console", 5, 1);
        foreach ((string path, byte[] content, bool executable) in files) archive.AddFile(path, content, executable);
        foreach (string applet in s_applets) archive.AddLink($"bin/{applet}", "busybox");
        return archive.AddLink("init", "bin/init").AddLink("etc/resolv.conf", "/run/osv/resolv.conf");
    }

    /// <summary>One line per input: hash and path. The builder itself is an input too.</summary>
    private static string Inputs(byte[] loader, byte[] kernel, List<(string Path, byte[] Content, bool Executable)> files)
    {
        var lines = new StringBuilder();
        void Add(string path, byte[] content) => lines.Append(Convert.ToHexStringLower(SHA256.HashData(content))).Append("  ").Append(path).Append('\n');
        Add("builder", File.ReadAllBytes(typeof(NodeImage).Assembly.Location));
        Add("loader", loader);
        Add("kernel", kernel);
        foreach ((string path, byte[] content, _) in files) Add(path, content);
        return lines.ToString();
    }
}
