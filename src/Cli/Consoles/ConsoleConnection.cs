using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Consoles;

/// <summary>Something about a console beside its bytes, as src/Web/Consoles tells it.</summary>
/// <param name="Kind">start: the next byte has this position. live: everything so far was sent. lost: bytes are missing here. refused: what was typed did not get there. ended: nobody may look any more. away, back: the server cannot be reached; it can again.</param>
internal sealed record ConsoleNotice(string Kind, long? Position = null, long? End = null, bool? MayType = null, long? Bytes = null, string? Message = null);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(ConsoleNotice))]
internal sealed partial class ConsoleJson : JsonSerializerContext;

/// <summary>Bytes of a console, or a notice.</summary>
internal readonly record struct ConsoleMessage(ReadOnlyMemory<byte> Printed, ConsoleNotice? Notice);

/// <summary>A console over a WebSocket. When the server goes away it is opened again where it stood.</summary>
/// <param name="api">The server.</param>
/// <param name="tenant">Id of the tenant.</param>
/// <param name="from">Position of the first byte wanted; negative: so many before the end.</param>
internal sealed class ConsoleConnection(ApiConnection api, string tenant, long from) : IAsyncDisposable
{
    /// <summary>How long to try to reach a server that has gone away.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>A server that does not answer a ping this long has gone.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);

    /// <summary>Most bytes that the server takes at once.</summary>
    private const int MostTyped = 16 << 10;

    private readonly SemaphoreSlim _sending = new(1);
    private ClientWebSocket _socket = new();
    private long _position = from;

    /// <exception cref="CommandException">The server cannot be reached or refuses.</exception>
    public async Task OpenAsync(CancellationToken cancel)
    {
        _socket.Dispose();
        _socket = new ClientWebSocket();
        _socket.Options.KeepAliveInterval = _socket.Options.KeepAliveTimeout = Silence;
        if (api.Server.IsLoopback) _socket.Options.Proxy = null;
        if (api.Token is not null) _socket.Options.SetRequestHeader("Authorization", $"Bearer {api.Token}");
        var address = new UriBuilder(new Uri(api.Server, ApiConnection.Address($"/api/v1/tenants/{ApiConnection.Escape(tenant)}/console/attach", ("from", _position))));
        address.Scheme = address.Scheme == Uri.UriSchemeHttps ? Uri.UriSchemeWss : Uri.UriSchemeWs;
        try
        {
            await _socket.ConnectAsync(address.Uri, cancel).ConfigureAwait(false);
        }
        catch (WebSocketException refused)
        {
            throw new CommandException($"{api.Server} does not open the console ({refused.InnerException?.Message ?? refused.Message}): see that it runs and that you may see the tenant", refused);
        }
    }

    /// <summary>What is printed, and notices, until the server ends it.</summary>
    /// <exception cref="CommandException">The server has gone and does not come back, or one may no longer look.</exception>
    public async IAsyncEnumerable<ConsoleMessage> ReadAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        while (true)
        {
            await foreach (ConsoleMessage message in ReadSocketAsync(cancel).ConfigureAwait(false))
            {
                switch (message.Notice)
                {
                    case null: _position += message.Printed.Length; break;
                    case { Kind: "start", Position: { } position }: _position = position; break;
                    case { Kind: "ended" }: throw new CommandException(Terminal.Plain(message.Notice.Message ?? "the server ended the console"));
                }
                yield return message;
            }
            yield return new ConsoleMessage(default, new ConsoleNotice("away"));
            await ReopenAsync(cancel).ConfigureAwait(false);
            yield return new ConsoleMessage(default, new ConsoleNotice("back"));
        }
    }

    /// <returns>False: the server is away, and what was typed is lost.</returns>
    public async Task<bool> TypeAsync(ReadOnlyMemory<byte> typed, CancellationToken cancel)
    {
        await _sending.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            for (; typed.Length > 0; typed = typed[Math.Min(typed.Length, MostTyped)..])
            {
                await _socket.SendAsync(typed[..Math.Min(typed.Length, MostTyped)], WebSocketMessageType.Binary, endOfMessage: true, cancel).ConfigureAwait(false);
            }
            return true;
        }
        catch (Exception gone) when (gone is WebSocketException or InvalidOperationException)
        {
            return false;
        }
        finally
        {
            _sending.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_socket.State == WebSocketState.Open)
        {
            using var patience = new CancellationTokenSource(Pause);
            try
            {
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, patience.Token).ConfigureAwait(false);
            }
            catch (Exception gone) when (gone is WebSocketException or OperationCanceledException)
            {
                // It is closed all the same.
            }
        }
        _socket.Dispose();
        _sending.Dispose();
    }

    private async Task ReopenAsync(CancellationToken cancel)
    {
        long began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            await Task.Delay(Pause, cancel).ConfigureAwait(false);
            try
            {
                await OpenAsync(cancel).ConfigureAwait(false);
                return;
            }
            catch (CommandException) when (TimeProvider.System.GetElapsedTime(began) < Patience)
            {
                // A server that is updated is back soon.
            }
        }
    }

    /// <summary>The messages of the present socket; they end when it does.</summary>
    private async IAsyncEnumerable<ConsoleMessage> ReadSocketAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        byte[] buffer = new byte[64 << 10];
        using var text = new MemoryStream();
        while (true)
        {
            ValueWebSocketReceiveResult received;
            try
            {
                received = await _socket.ReceiveAsync(buffer.AsMemory(), cancel).ConfigureAwait(false);
            }
            catch (WebSocketException)
            {
                yield break;
            }
            if (received.MessageType == WebSocketMessageType.Close) yield break;
            if (received.MessageType == WebSocketMessageType.Binary)
            {
                yield return new ConsoleMessage(buffer.AsMemory(0, received.Count), null);
                continue;
            }
            text.Write(buffer, 0, received.Count);
            if (!received.EndOfMessage) continue;
            yield return new ConsoleMessage(default, JsonSerializer.Deserialize(text.GetBuffer().AsSpan(0, (int)text.Length), ConsoleJson.Default.ConsoleNotice)!);
            text.SetLength(0);
        }
    }
}
