using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace Osv.Web.Tests;

/// <summary>Someone at a console over a WebSocket.</summary>
internal sealed class Terminal : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly StringBuilder _printed = new();
    private readonly byte[] _buffer = new byte[64 << 10];

    public bool MayType { get; private set; }

    /// <summary>What has come so far.</summary>
    public string Printed => _printed.ToString();

    public static Task<Terminal> OpenAsync(Site site, Guid tenant, string token, long? from = null, string? origin = null) => OpenAsync(site.Address, tenant, token, from, origin);

    public static async Task<Terminal> OpenAsync(Uri site, Guid tenant, string token, long? from = null, string? origin = null)
    {
        var terminal = new Terminal();
        terminal._socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        if (origin is not null) terminal._socket.Options.SetRequestHeader("Origin", origin);
        await terminal._socket.ConnectAsync(new UriBuilder(site) { Scheme = "ws", Path = $"/api/v1/tenants/{tenant}/console/attach", Query = from is null ? "" : $"from={from}" }.Uri, TestContext.Current.CancellationToken);
        return terminal;
    }

    public Task TypeAsync(string text) => _socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Binary, true, TestContext.Current.CancellationToken);

    /// <summary>Reads on to the next notice of a kind.</summary>
    public async Task<JsonElement> NoticeAsync(string kind)
    {
        while (true)
        {
            if (await NextAsync() is { } notice && notice.GetProperty("kind").GetString() == kind) return notice;
        }
    }

    /// <summary>Reads on until this, and nothing else, was printed.</summary>
    public async Task PrintsAsync(string text)
    {
        while (_printed.Length < text.Length) await NextAsync();
        Printed.ShouldBe(text);
    }

    /// <summary>Reads on to the end.</summary>
    public async Task<WebSocketCloseStatus?> EndAsync()
    {
        while (_socket.CloseStatus is null) await NextAsync();
        return _socket.CloseStatus;
    }

    /// <returns>A notice; null: bytes, which were added to <see cref="Printed"/>, or the end.</returns>
    private async Task<JsonElement?> NextAsync()
    {
        int length = 0;
        ValueWebSocketReceiveResult received;
        do
        {
            received = await _socket.ReceiveAsync(_buffer.AsMemory(length), TestContext.Current.CancellationToken);
            length += received.Count;
        }
        while (!received.EndOfMessage);
        if (received.MessageType == WebSocketMessageType.Text)
        {
            JsonElement notice = JsonElement.Parse(_buffer.AsSpan(0, length));
            if (notice.GetProperty("kind").GetString() == "start") MayType = notice.GetProperty("mayType").GetBoolean();
            return notice;
        }
        if (received.MessageType == WebSocketMessageType.Binary) _printed.Append(Encoding.UTF8.GetString(_buffer, 0, length));
        return null;
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }
}
