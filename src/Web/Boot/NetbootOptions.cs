namespace Osv.Web.Boot;

/// <summary>Configuration Osv:Netboot: what machines boot from.</summary>
public sealed class NetbootOptions
{
    /// <summary>False: this process serves no netboot.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Plain HTTP, what firmware speaks.</summary>
    public Uri Listen { get; set; } = new("http://127.0.0.1:5081");

    /// <summary>The same as nodes see it; null: <see cref="Listen"/>.</summary>
    public Uri? Address { get; set; }

    /// <summary>Path of the monitor's boot image; null: machines that ask are told to wait.</summary>
    public string? Monitor { get; set; }

    /// <summary>Path of the node payload.</summary>
    public string? Payload { get; set; }

    /// <summary>Kernel and initial RAM disk of what erases disks of tenants before the next one gets them; null: tenants with disks do not start.</summary>
    public string? EraserKernel { get; set; }

    /// <inheritdoc cref="EraserKernel"/>
    public string? EraserInitrd { get; set; }

    public int ManagementCores { get; set; } = 1;

    /// <summary>Network cards of the management partition, the first of the node's; the others are for tenants.</summary>
    public int ManagementNics { get; set; } = 1;

    public int ManagementMemoryMiB { get; set; } = 512;

    /// <summary>Machines nobody has approved that are remembered at most; others are turned away, so that a storm of inventions fills no table.</summary>
    public int MostStrangers { get; set; } = 1000;

    public void Validate()
    {
        if (Listen.Scheme != Uri.UriSchemeHttp) throw new InvalidOperationException($"Osv:Netboot:Listen is {Listen}: firmware speaks plain HTTP, use http://");
        if (Address is { } address && address.Scheme != Uri.UriSchemeHttp) throw new InvalidOperationException($"Osv:Netboot:Address is {address}: firmware speaks plain HTTP, use http://");
        if (ManagementCores < 1) throw new InvalidOperationException($"Osv:Netboot:ManagementCores is {ManagementCores}: use at least 1");
        if (ManagementNics is < 1 or > 16) throw new InvalidOperationException($"Osv:Netboot:ManagementNics is {ManagementNics}: use 1 to 16");
        if (ManagementMemoryMiB < 256) throw new InvalidOperationException($"Osv:Netboot:ManagementMemoryMiB is {ManagementMemoryMiB}: use at least 256");
    }
}
