using System.Net;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Osv.Contracts.Node;
using Osv.Netboot;

namespace Osv.ControlPlaneDouble;

/// <summary>
/// What a node sees of the control plane, with everything it said kept for the test. Listens on loopback: agents reach the ports
/// directly, emulated machines under the address of their gateway.
/// </summary>
public sealed class ControlPlane : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string _addressForNodes;
    private readonly Dictionary<string, byte[]> _images = new(StringComparer.Ordinal);
    private BootPlan? _plan;

    private ControlPlane(WebApplication app, Authority authority, Registry registry, string addressForNodes)
    {
        _app = app;
        Authority = authority;
        Registry = registry;
        _addressForNodes = addressForNodes;
    }

    public Authority Authority { get; }
    public Registry Registry { get; }
    public Uri Control { get; private set; } = null!;
    public Uri Http { get; private set; } = null!;

    /// <summary>Cut the answer to the next requests for an image after so many bytes; one entry per request.</summary>
    public Queue<long> BreakImagesAfter { get; } = [];

    /// <param name="addressForNodes">How nodes reach this machine: 127.0.0.1, or QEMU's 10.0.2.2, or an address in a network namespace.</param>
    /// <param name="listen">Null: loopback.</param>
    public static async Task<ControlPlane> StartAsync(string addressForNodes = "127.0.0.1", IPAddress? listen = null)
    {
        var authority = new Authority();
        var registry = new Registry(authority);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            IPAddress address = listen ?? IPAddress.Loopback;
            kestrel.Listen(address, 0, endpoint =>
            {
                endpoint.Protocols = HttpProtocols.Http1AndHttp2;
                endpoint.UseHttps(https =>
                {
                    https.ServerCertificate = authority.Server;
                    https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                    https.ClientCertificateValidation = (certificate, _, _) => authority.IsNode(certificate);
                });
            });
            kestrel.Listen(address, 0);
        });
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(registry);
        WebApplication app = builder.Build();
        var plane = new ControlPlane(app, authority, registry, addressForNodes);
        app.MapGrpcService<EnrolmentService>();
        app.MapGrpcService<SessionService>();
        plane.MapHttp();
        await app.StartAsync().ConfigureAwait(false);
        foreach (string address in app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses)
        {
            var bound = new Uri(address);
            var seen = new UriBuilder(bound.Scheme, addressForNodes, bound.Port).Uri;
            if (bound.Scheme == Uri.UriSchemeHttps) plane.Control = seen;
            else plane.Http = seen;
        }
        return plane;
    }

    /// <summary>Serves a file under its hash.</summary>
    public Artifact AddImage(byte[] content)
    {
        byte[] hash = SHA256.HashData(content);
        _images[Convert.ToHexStringLower(hash)] = content;
        return new Artifact { Url = $"{Http.GetLeftPart(UriPartial.Authority)}{BootScript.ImagePath}{Convert.ToHexStringLower(hash)}", Sha256 = Google.Protobuf.ByteString.CopyFrom(hash), Bytes = (ulong)content.Length };
    }

    /// <summary>What machines that ask for a script boot.</summary>
    public void Boot(byte[] monitor, byte[] payload, int managementMemory = 512)
    {
        AddImage(monitor);
        AddImage(payload);
        _plan = new BootPlan(Http, Control, Authority.RootHash, new BootFile(Hash(monitor)), new BootFile(Hash(payload))) { ManagementMemory = managementMemory };
    }

    private static string Hash(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    private void MapHttp()
    {
        _app.MapGet(BootScript.StartPath, () => Results.Text(BootScript.Start(Http)));
        _app.MapGet(BootScript.AuthorityPath, () => Results.Bytes(Authority.Root));
        _app.MapGet(BootScript.ScriptPath, (string mac, string serial, string uuid) =>
        {
            BootMachine machine = BootMachine.Parse(mac, serial, uuid);
            Registry.Report(machine, "script");
            return _plan is null ? Results.NotFound() : Results.Text(BootScript.ForMachine(_plan, Registry.IssueToken(machine), DateTimeOffset.UtcNow));
        });
        _app.MapMethods(BootScript.ReportPath, ["GET", "POST"], (string mac, string? serial, string uuid, string stage, string? step) =>
        {
            Registry.Report(BootMachine.Parse(mac, serial ?? string.Empty, uuid), step is null ? stage : $"{stage} {step}");
            return Results.Text("ok\n");
        });
        _app.MapGet(BootScript.ImagePath + "{hash}", async (string hash, string? mac, string? serial, string? uuid, string? stage, HttpContext context) =>
        {
            if (stage is not null && mac is not null && uuid is not null) Registry.Report(BootMachine.Parse(mac, serial ?? string.Empty, uuid), stage);
            if (!_images.TryGetValue(hash, out byte[]? content) || Hash(content) != hash)
            {
                context.Response.StatusCode = 404;
                return;
            }
            Registry.CountImageRequest(hash, context.Request.Headers.Range.ToString());
            if (BreakImagesAfter.TryDequeue(out long most))
            {
                long start = context.Request.GetTypedHeaders().Range?.Ranges.First().From ?? 0;
                context.Response.StatusCode = start == 0 ? 200 : 206;
                context.Response.ContentLength = content.Length - start;
                await context.Response.Body.WriteAsync(content.AsMemory((int)start, (int)Math.Min(most, content.Length - start))).ConfigureAwait(false);
                await context.Response.Body.FlushAsync().ConfigureAwait(false);
                context.Abort();
                return;
            }
            await Results.File(content, enableRangeProcessing: true).ExecuteAsync(context).ConfigureAwait(false);
        });
    }

    public async ValueTask DisposeAsync()
    {
        Registry.CutStreams();
        await _app.DisposeAsync().ConfigureAwait(false);
        Authority.Dispose();
    }
}
