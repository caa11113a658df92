namespace Osv.Images;

/// <summary>A tenant image as files.</summary>
/// <param name="Initrd">Initial RAM disk.</param>
public sealed record TenantImage(string Name, string Kernel, string Initrd, string CommandLine);

/// <summary>The tenant images that come with OSV Cloud, under artifacts/images of a working copy: built when they are missing or their inputs changed.</summary>
/// <param name="root">The working copy.</param>
/// <param name="warn">Is told what is not as new as it could be.</param>
public sealed class TenantImages(string root, Action<string> warn)
{
    public const string Busybox = "busybox";

    /// <summary>The name of each, smallest first.</summary>
    public static IReadOnlyList<string> Names { get; } = [Busybox, "debian-12", "debian-12-backports"];

    private readonly string _kernels = Path.Combine(root, "artifacts", "kernels"), _images = Path.Combine(root, "artifacts", "images"), _scripts = Path.Combine(root, "deploy", "images");

    public Task<TenantImage> BuildAsync(string name, CancellationToken cancel) => name == Busybox ? BusyboxAsync(cancel) : DebianAsync(name, cancel);

    private async Task<TenantImage> BusyboxAsync(CancellationToken cancel)
    {
        KernelPackage kernel = await KernelPackage.FetchAsync("cloud-6.12", Path.Combine(_scripts, "kernel.sh"), _kernels, warn, cancel).ConfigureAwait(false);
        string initrd = Path.Combine(_images, Busybox, "initrd");
        Directory.CreateDirectory(Path.GetDirectoryName(initrd)!);
        byte[] busybox = await File.ReadAllBytesAsync("/bin/busybox", cancel).ConfigureAwait(false);
        IReadOnlyList<(string Path, byte[] Content)> modules = await kernel.ModulesAsync(BusyboxImage.Drivers, cancel).ConfigureAwait(false);
        await File.WriteAllBytesAsync(initrd, BusyboxImage.Initrd(busybox, modules), cancel).ConfigureAwait(false);
        return new TenantImage(Busybox, kernel.Image, initrd, BusyboxImage.CommandLine);
    }

    private async Task<TenantImage> DebianAsync(string name, CancellationToken cancel)
    {
        await Tool.RunScriptAsync([Path.Combine(_scripts, "debian.sh"), name, _images, _kernels], warn, cancel).ConfigureAwait(false);
        string folder = Path.Combine(_images, name);
        return new TenantImage(name, Path.Combine(folder, "vmlinuz"), Path.Combine(folder, "initrd"), (await File.ReadAllTextAsync(Path.Combine(folder, "cmdline"), cancel).ConfigureAwait(false)).Trim());
    }
}
