using System.Net.Sockets;
using System.Text.Json;
using Osv.Contracts.Networks;

namespace Osv.Web.Networks;

/// <summary>Speaks to the switch of one rack over its Unix socket.</summary>
internal sealed class SwitchClient(string socket) : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancel) =>
        {
            var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancel);
                return new NetworkStream(connection, ownsSocket: true);
            }
            catch
            {
                connection.Dispose();
                throw;
            }
        },
    }) { BaseAddress = new Uri("http://switch"), Timeout = s_patience };

    /// <exception cref="SwitchException">It does not answer, or not to what was asked.</exception>
    public async Task<PortStates> BindAsync(PortBindings bindings, CancellationToken cancel)
    {
        try
        {
            using HttpResponseMessage answer = await _http.PutAsJsonAsync(PortBindings.Path, bindings, cancel);
            if (!answer.IsSuccessStatusCode) throw new SwitchException($"it answered {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(cancel)}");
            PortStates? states = await answer.Content.ReadFromJsonAsync<PortStates>(cancel);
            if (states?.Ports is null || !states.Ports.Select(Named).SequenceEqual(bindings.Ports.Select(port => (port.Node, port.Address, port.Fence)))) throw new SwitchException("it answered for other cards than it was told of");
            return states;
        }
        catch (Exception error) when (error is HttpRequestException or JsonException || (error is TaskCanceledException && !cancel.IsCancellationRequested))
        {
            throw new SwitchException(error switch
            {
                TaskCanceledException => $"it did not answer within {s_patience.TotalSeconds:0} s",
                { InnerException: SocketException } => "nobody listens there",
                _ => (error.InnerException ?? error).Message,
            });
        }
    }

    private static (string, string, long) Named(PortState state) => (state.Node, state.Address, state.Fence);

    public void Dispose() => _http.Dispose();
}

/// <summary>A switch that cannot be told anything.</summary>
internal sealed class SwitchException(string message) : Exception(message);
