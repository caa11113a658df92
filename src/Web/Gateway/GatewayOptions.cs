namespace Osv.Web.Gateway;

/// <summary>Configuration Osv:Gateway: where agents come to, and how they are held.</summary>
public sealed class GatewayOptions
{
    /// <summary>False: this process takes no agents.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>gRPC over TLS.</summary>
    public Uri Listen { get; set; } = new("https://127.0.0.1:5443");

    /// <summary>The same as nodes see it; null: <see cref="Listen"/>.</summary>
    public Uri? Address { get; set; }

    /// <summary>After how many seconds without a word from us a node stops tenants that do not run on.</summary>
    public int LeaseSeconds { get; set; } = 60;

    public int HeartbeatSeconds { get; set; } = 5;

    /// <summary>How long a node's certificate is good. It asks for a new one when half of it is over.</summary>
    public TimeSpan CertificateFor { get; set; } = TimeSpan.FromDays(7);

    /// <summary>For how long a certificate that has ended still gets its node a new one; zero: only a boot does. No longer than certificates are remembered (Osv:Scheduler:Maintenance:KeepLogs).</summary>
    public TimeSpan ReturnWithin { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How often changes of desired state are looked for.</summary>
    public TimeSpan Poll { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Within this time the desired state of every node is read anew, though nothing said that it changed.</summary>
    public TimeSpan Sweep { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a session whose stream is cut can be taken up again.</summary>
    public TimeSpan RememberFor { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How much longer than it tells the node the lease is stored for: so long after a stored heartbeat a word may still reach the node.</summary>
    public TimeSpan LeaseSlack => TimeSpan.FromSeconds(3 * HeartbeatSeconds);

    public TimeSpan Lease => TimeSpan.FromSeconds(LeaseSeconds);

    public void Validate()
    {
        if (Listen.Scheme != Uri.UriSchemeHttps) throw new InvalidOperationException($"Osv:Gateway:Listen is {Listen}: agents are served over TLS only, use https://");
        if (Address is { } address && address.Scheme != Uri.UriSchemeHttps) throw new InvalidOperationException($"Osv:Gateway:Address is {address}: agents are served over TLS only, use https://");
        if (HeartbeatSeconds is < 1 or > 60) throw new InvalidOperationException($"Osv:Gateway:HeartbeatSeconds is {HeartbeatSeconds}: use 1 to 60");
        if (LeaseSeconds < 3 * HeartbeatSeconds || LeaseSeconds > 3600) throw new InvalidOperationException($"Osv:Gateway:LeaseSeconds is {LeaseSeconds}: use 3 heartbeats ({3 * HeartbeatSeconds}) to 3600");
        if (CertificateFor < TimeSpan.FromMinutes(10) || CertificateFor > TimeSpan.FromDays(90)) throw new InvalidOperationException($"Osv:Gateway:CertificateFor is {CertificateFor}: use 10 minutes to 90 days");
        if (ReturnWithin < TimeSpan.Zero || ReturnWithin > TimeSpan.FromDays(90)) throw new InvalidOperationException($"Osv:Gateway:ReturnWithin is {ReturnWithin}: use 0 to 90 days");
    }
}
