using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Osv.Ring0.Tests;

/// <summary>A few files over HTTP on loopback, where QEMU's user network finds them at 10.0.2.2.</summary>
internal sealed class HttpFiles : IAsyncDisposable
{
    private readonly WebApplication _server;
    private readonly List<string> _served = [];

    private HttpFiles(IReadOnlyDictionary<string, Func<byte[]>> files)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _server = builder.Build();
        foreach ((string name, Func<byte[]> content) in files)
        {
            _server.MapGet($"/{name}", () =>
            {
                lock (_served) _served.Add(name);
                return Results.Bytes(content());
            });
        }
    }

    public static async Task<HttpFiles> StartAsync(IReadOnlyDictionary<string, Func<byte[]>> files)
    {
        var server = new HttpFiles(files);
        await server._server.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    public int Port => new Uri(_server.Urls.First()).Port;

    /// <summary>Names of the files that were fetched, in order.</summary>
    public IReadOnlyList<string> Served
    {
        get { lock (_served) return [.. _served]; }
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
