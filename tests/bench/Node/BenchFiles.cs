using System.Reflection;
using Osv.Contracts.Node;
using Osv.ControlPlaneDouble;
using Osv.Images;

namespace Osv.Bench.Node;

/// <summary>Everything that is booted, built as it ships.</summary>
internal sealed record BenchFiles(byte[] Monitor, byte[] Payload, byte[] Kernel, byte[] Busybox, byte[] Debian, byte[] Talker)
{
    public static string Root { get; } = typeof(BenchFiles).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(item => item.Key == "RepositoryRoot").Value!;

    public static async Task<BenchFiles> BuildAsync(CancellationToken cancel)
    {
        var node = new NodeArtifacts(Root, Console.Error.WriteLine);
        await node.BuildMonitorAsync(cancel).ConfigureAwait(false);
        await node.PublishAgentAsync(cancel).ConfigureAwait(false);
        string payload = await node.BuildPayloadAsync(NodeArtifacts.CloudKernel, cancel).ConfigureAwait(false);
        var tenants = new TenantImages(Root, Console.Error.WriteLine);
        TenantImage busybox = await tenants.BuildAsync(TenantImages.Busybox, cancel).ConfigureAwait(false), debian = await tenants.BuildAsync("debian-12", cancel).ConfigureAwait(false);
        return new BenchFiles(
            await File.ReadAllBytesAsync(node.Monitor, cancel).ConfigureAwait(false), await File.ReadAllBytesAsync(payload, cancel).ConfigureAwait(false),
            await File.ReadAllBytesAsync(busybox.Kernel, cancel).ConfigureAwait(false), await File.ReadAllBytesAsync(busybox.Initrd, cancel).ConfigureAwait(false),
            await File.ReadAllBytesAsync(debian.Initrd, cancel).ConfigureAwait(false), await TalkerAsync(cancel).ConfigureAwait(false));
    }

    private static async Task<byte[]> TalkerAsync(CancellationToken cancel)
    {
        string file = Path.Combine(Root, "artifacts", "bench", "talker");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        await Tool.RunAsync("nasm", ["-f", "bin", Path.Combine(Root, "tests", "bench", "Node", "talker.asm"), "-o", file], cancel).ConfigureAwait(false);
        return await File.ReadAllBytesAsync(file, cancel).ConfigureAwait(false);
    }

    public Image BusyboxImage(ControlPlane plane) =>
        new() { Name = "busybox", Kernel = plane.AddImage(Kernel), Initrd = plane.AddImage(Busybox), CommandLine = "console=ttyS0 quiet" };
}
