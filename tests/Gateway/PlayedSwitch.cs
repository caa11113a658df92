using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Osv.Contracts.Networks;

namespace Osv.Gateway.Tests;

/// <summary>A rack's switch that keeps what it is told and answers as the test says.</summary>
internal sealed class PlayedSwitch : IAsyncDisposable
{
    private readonly WebApplication _server;
    private readonly Channel<PortBindings> _told = Channel.CreateUnbounded<PortBindings>();

    private PlayedSwitch(string socket)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socket));
        _server = builder.Build();
        _server.MapPut(PortBindings.Path, (PortBindings bindings) =>
        {
            _told.Writer.TryWrite(bindings);
            return Results.Ok(new PortStates([.. bindings.Ports.Select(port => new PortState(port.Node, port.Address, port.Fence, Trouble))]));
        });
    }

    /// <summary>Of every card; null: all are plugged in.</summary>
    public string? Trouble { get; set; }

    public static async Task<PlayedSwitch> StartAsync(string socket, string? trouble = null)
    {
        File.Delete(socket);
        var played = new PlayedSwitch(socket) { Trouble = trouble };
        await played._server.StartAsync(TestContext.Current.CancellationToken);
        return played;
    }

    /// <summary>What it is told next of the cards of a node that fits.</summary>
    public async Task<IReadOnlyList<PortBinding>> ToldAsync(string node, Func<IReadOnlyList<PortBinding>, bool> fits)
    {
        await foreach (PortBindings bindings in _told.Reader.ReadAllAsync(TestContext.Current.CancellationToken))
        {
            List<PortBinding> own = [.. bindings.Ports.Where(port => port.Node == node)];
            if (fits(own)) return own;
        }
        throw new InvalidOperationException("it has ended");
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
