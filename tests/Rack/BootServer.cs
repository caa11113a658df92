using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Osv.Rack.Tests;

/// <summary>Gives a script that reports who booted; every boot is one item of <see cref="Boots"/>.</summary>
internal sealed class BootServer : IAsyncDisposable
{
    private readonly WebApplication _server;
    private readonly Channel<string> _boots = Channel.CreateUnbounded<string>();

    private BootServer()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _server = builder.Build();
        _server.MapGet("/boot.ipxe", (HttpRequest request) =>
            Results.Text($"#!ipxe\nimgfetch http://{request.Host}/told?mac=${{net0/mac:hexhyp}}&serial=${{serial}}&uuid=${{uuid}}\nshell\n"));
        _server.MapGet("/told", (string mac, string serial, string uuid) =>
        {
            _boots.Writer.TryWrite($"{mac} {serial} {uuid}");
            return Results.Text("thanks");
        });
    }

    public static async Task<BootServer> StartAsync()
    {
        var server = new BootServer();
        await server._server.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    public ChannelReader<string> Boots => _boots.Reader;

    public Uri Script => new($"http://10.0.2.2:{new Uri(_server.Urls.First()).Port}/boot.ipxe");

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
