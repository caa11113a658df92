using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using Osv.Contracts.Networks;

namespace Osv.Rack.Tests;

/// <summary>The switch as it is run, in a process of its own.</summary>
internal sealed class SwitchProcess : IDisposable
{
    private readonly Process _process;
    private readonly HttpClient _http;

    private SwitchProcess(Process process, string socket)
    {
        _process = process;
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancel);
                return new NetworkStream(connection, ownsSocket: true);
            },
        }) { BaseAddress = new Uri("http://switch") };
    }

    public static async Task<SwitchProcess> StartAsync(string rack, string socket, CancellationToken cancel)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Osv.Switch.dll"), rack, socket]) { RedirectStandardOutput = true, RedirectStandardError = true };
        Process process = Process.Start(start)!;
        while (await process.StandardOutput.ReadLineAsync(cancel) is { } line)
        {
            if (!line.Contains("Application started", StringComparison.Ordinal)) continue;
            _ = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            return new SwitchProcess(process, socket);
        }
        throw new InvalidOperationException(await process.StandardError.ReadToEndAsync(cancel));
    }

    public Task<HttpResponseMessage> PutAsync(IReadOnlyList<PortBinding> ports, CancellationToken cancel) => _http.PutAsJsonAsync(PortBindings.Path, new PortBindings(ports), cancel);

    /// <summary>What became of the cards, in their order: what is wrong, or null.</summary>
    public async Task<string?[]> BindAsync(CancellationToken cancel, params PortBinding[] ports)
    {
        using HttpResponseMessage answer = await PutAsync(ports, cancel);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        PortStates states = (await answer.Content.ReadFromJsonAsync<PortStates>(cancel))!;
        states.Ports.Select(state => (state.Node, state.Address, state.Fence)).ShouldBe(ports.Select(port => (port.Node, port.Address, port.Fence)));
        return [.. states.Ports.Select(state => state.Trouble)];
    }

    public void Dispose()
    {
        _http.Dispose();
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
