using System.Text;
using Osv.Contracts.Node;

namespace Osv.Agent.Partitions;

/// <summary>Kernel and initrd of a tenant, from the image cache, open for loading.</summary>
internal sealed class LinuxImageFiles(string kernel, string? initrd) : IDisposable
{
    private readonly FileStream _kernel = File.OpenRead(kernel);
    private readonly FileStream? _initrd = initrd is null ? null : File.OpenRead(initrd);

    /// <summary>With the tenant's own data and command line.</summary>
    /// <param name="start">When it starts: now.</param>
    public LinuxImage Open(DesiredPartition wanted, ulong instance, DateTimeOffset start)
    {
        string line = string.Join(' ', new[] { wanted.Image.CommandLine, wanted.CommandLine }.Where(part => part.Length != 0));
        byte[] seed = wanted.CloudInit is { } data ? CloudInitSeed.Build(wanted.TenantId, instance, start, data) : [];
        return new LinuxImage(_kernel, _initrd, seed, Encoding.ASCII.GetBytes(line));
    }

    public void Dispose()
    {
        _kernel.Dispose();
        _initrd?.Dispose();
    }
}
