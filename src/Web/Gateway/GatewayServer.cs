using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Options;
using Osv.Web.Boot;
using Osv.Web.Hosting;

namespace Osv.Web.Gateway;

/// <summary>The listener of agents: gRPC over TLS with certificates of our own authority, nothing else.</summary>
internal sealed class GatewayServer(
    IServiceProvider site, AuthorityStore authorities, NodeLinks links, NodeAddresses addresses, DatabaseClock clock, IOptions<GatewayOptions> options, TimeProvider time, ILogger<GatewayServer> log) : IHostedService, IAsyncDisposable
{
    /// <summary>The largest message of an agent: an inventory of thousands of cores.</summary>
    private const int MessageBytes = 1 << 20;

    private static readonly TimeSpan NewCertificateAfter = TimeSpan.FromDays(10);

    private readonly Lock _gate = new();
    private WebApplication? _listener;
    private X509Certificate2? _certificate;
    private DateTimeOffset _certified;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!options.Value.Enabled)
        {
            // Another process takes them; boot scripts lead there.
            if (options.Value.Address is { } elsewhere) addresses.Gateway = elsewhere;
            return;
        }
        options.Value.Validate();
        NodeAuthority authority = await authorities.GetAsync(cancellationToken);
        await clock.SynchronizeAsync(cancellationToken);
        _listener = SideListener.Build(site, options.Value.Listen, endpoint =>
        {
            endpoint.Protocols = HttpProtocols.Http2;
            endpoint.UseHttps(https =>
            {
                https.ServerCertificateSelector = (_, _) => Certificate(authority);
                // A node that enrols has none yet.
                https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                https.ClientCertificateValidation = (certificate, _, _) => authority.IsNode(certificate);
                https.CheckCertificateRevocation = false;
            });
        }, limits =>
        {
            limits.Http2.MaxStreamsPerConnection = 16;
            // Notices agents that are gone without a word.
            limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(10);
            limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(20);
            // A stream is one request whose body never ends, and may be silent for a while.
            limits.MaxRequestBodySize = null;
            limits.MinRequestBodyDataRate = null;
            limits.MinResponseDataRate = null;
        }, services =>
        {
            services.AddGrpc(grpc => grpc.MaxReceiveMessageSize = MessageBytes);
            services.AddSingleton(site.GetRequiredService<EnrolmentService>());
            services.AddSingleton(site.GetRequiredService<NodeSessionService>());
        });
        _listener.MapGrpcService<EnrolmentService>();
        _listener.MapGrpcService<NodeSessionService>();
        await _listener.StartAsync(cancellationToken);
        addresses.Gateway = NodeAddresses.AsSeen(options.Value.Address, SideListener.AddressOf(_listener));
        log.GatewayListens(addresses.Gateway);
    }

    /// <summary>Short-lived, with a key that no disk ever has.</summary>
    private X509Certificate2 Certificate(NodeAuthority authority)
    {
        lock (_gate)
        {
            DateTimeOffset now = time.GetUtcNow();
            if (_certificate is not null && now - _certified < NewCertificateAfter) return _certificate;
            string[] names = [options.Value.Listen.Host, .. options.Value.Address is { } address ? [address.Host] : Array.Empty<string>(), "localhost", "127.0.0.1"];
            (_certificate, _certified) = (authority.CertifyServer(names.Where(name => name is not ("0.0.0.0" or "[::]")), now), now);
            return _certificate;
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_listener is null) return;
        links.EndAll();
        await _listener.StopAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_listener is not null) await _listener.DisposeAsync();
        _certificate?.Dispose();
    }
}
