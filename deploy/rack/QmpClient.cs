using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Osv.Rack;

/// <summary>One conversation with a QEMU machine over its monitor protocol (QMP, docs/interop/qmp-spec of QEMU).</summary>
internal sealed class QmpClient : IDisposable
{
    private readonly Socket _socket;
    private readonly StreamReader _reader;
    private readonly NetworkStream _stream;

    private QmpClient(Socket socket)
    {
        _socket = socket;
        _stream = new NetworkStream(socket, ownsSocket: true);
        _reader = new StreamReader(_stream, Encoding.UTF8);
    }

    /// <exception cref="SocketException">Nobody listens: the machine does not run.</exception>
    public static async Task<QmpClient> ConnectAsync(string path, CancellationToken cancel)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel).ConfigureAwait(false);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        var client = new QmpClient(socket);
        await client._reader.ReadLineAsync(cancel).ConfigureAwait(false);       // the greeting
        await client.ExecuteAsync("qmp_capabilities", null, cancel).ConfigureAwait(false);
        return client;
    }

    /// <summary>The command's return value.</summary>
    /// <exception cref="RackException">QEMU refused it.</exception>
    public async Task<JsonNode?> ExecuteAsync(string command, JsonObject? arguments, CancellationToken cancel)
    {
        var request = new JsonObject { ["execute"] = command };
        if (arguments != null) request["arguments"] = arguments;
        await _stream.WriteAsync(Encoding.UTF8.GetBytes(request.ToJsonString() + "\n"), cancel).ConfigureAwait(false);
        while (await _reader.ReadLineAsync(cancel).ConfigureAwait(false) is { } line)
        {
            JsonNode? reply = JsonNode.Parse(line);
            if (reply?["error"] is { } error) throw new RefusedCommandException($"QEMU refused {command}: {error["desc"]}", error["class"]!.GetValue<string>());
            if (reply is JsonObject answer && answer.ContainsKey("return")) return answer["return"];
            // Anything else is an event, which nobody asked for.
        }
        // The machine ended: for `quit` that is the answer.
        return null;
    }

    public void Dispose()
    {
        _reader.Dispose();
        _stream.Dispose();
        _socket.Dispose();
    }
}
