using Npgsql;
using Osv.Data.Images;
using Osv.Web.Hosting;

namespace Osv.Web.Images;

/// <summary>Checks that an image boots in the memory that a tenant asks for, before anything is placed.</summary>
public sealed class ImageFit(NpgsqlDataSource source)
{
    /// <exception cref="RefusalException">It needs more; the message says how much.</exception>
    internal async Task CheckAsync(Image image, long memoryBytes, CancellationToken cancel)
    {
        using var head = new MemoryStream(LinuxKernel.HeaderBytes);
        await ContentStore.CopyPartAsync(source, image.KernelSha256, 0, LinuxKernel.HeaderBytes, head, cancel);
        long kernel = await BytesAsync(image.KernelSha256, cancel), initrd = image.InitrdSha256 is { } hash ? await BytesAsync(hash, cancel) : 0;
        long least = LinuxKernel.LeastMemory(head.ToArray(), kernel, initrd, image.CommandLine.Length);
        if (memoryBytes < least) throw RefusalException.Invalid("memoryBytes", $"image '{image.Name}' does not fit {memoryBytes >> 20} MiB of memory: its kernel and initrd need at least {least >> 20} MiB to be loaded");
    }

    private async Task<long> BytesAsync(byte[] sha256, CancellationToken cancel) =>
        await ContentStore.SizeAsync(source, sha256, cancel) ?? throw new InvalidDataException($"content {Convert.ToHexStringLower(sha256)} is missing in the database: add the image again");
}
