using System.Buffers;
using System.Net.WebSockets;
using System.Security.Claims;
using System.Text.Json;
using Osv.Data.Projects;
using Osv.Web.Access;
using Osv.Web.Audit;
using Osv.Web.Hosting;
using Osv.Web.Tenants;

namespace Osv.Web.Consoles;

/// <summary>
/// A console over a WebSocket. To the viewer: binary frames are bytes of the console, in order and without gap from the position that the first
/// message names; text frames are <see cref="ConsoleNotice"/>. From the viewer: every frame is typed as it is.
/// </summary>
public sealed class ConsoleSocket(
    ConsoleReader reader, ConsoleFollower follower, ConsoleSignals signals, ConsoleKeyboard keyboard, TenantQueries tenants, CallerLoader callers, AuditTrail audit, IHostApplicationLifetime lifetime, TimeProvider time)
{
    /// <summary>Bytes of scrollback that a viewer gets who names no position.</summary>
    public const int Scrollback = 256 << 10;

    /// <summary>How long a viewer may take to close its side.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Bytes read at once.</summary>
    private const int Piece = 128 << 10;

    public async Task<IResult> AttachAsync(HttpContext http, Caller caller, string tenant, string? project, long? from, CancellationToken cancel)
    {
        TenantView view = (await tenants.ShowAsync(caller, tenant, project, cancel)).View;
        if (!http.WebSockets.IsWebSocketRequest)
        {
            http.Response.Headers.Upgrade = "websocket";
            throw new RefusalException(StatusCodes.Status426UpgradeRequired, "open a WebSocket here, or read /console");
        }
        // A browser sends the session's cookie along with a socket that another site opens.
        if (http.Request.Headers.Origin.ToString() is { Length: > 0 } origin && !(Uri.TryCreate(origin, UriKind.Absolute, out Uri? site) && site.Authority == http.Request.Host.Value))
        {
            throw RefusalException.Forbidden($"a page of {origin} may not open consoles of this site");
        }
        Typist? typist = caller.RoleIn(view.ProjectId) >= ProjectRole.Member && caller.HasScope(Scopes.TenantsWrite) ? await keyboard.OpenAsync(caller, view.Id.ToString(), null, cancel) : null;
        using WebSocket socket = await http.WebSockets.AcceptWebSocketAsync();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancel, lifetime.ApplicationStopping);
        // A socket whose reading is cancelled is torn down without a word, so reading ends only after the word was said.
        using var hearing = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var viewer = new Viewer(socket, caller, http.User, view, typist);
        Task printing = UntilGoneAsync(PrintAsync(viewer, from ?? -Scrollback, end.Token)), typing = UntilGoneAsync(TypeAsync(viewer, hearing.Token));
        await Task.WhenAny(printing, typing);
        await end.CancelAsync();
        await printing;
        await viewer.CloseAsync(lifetime.ApplicationStopping.IsCancellationRequested);
        hearing.CancelAfter(Patience);
        await typing;
        return Results.Empty;
    }

    /// <summary>That either side goes away is the usual end.</summary>
    private static async Task UntilGoneAsync(Task task)
    {
        try
        {
            await task;
        }
        catch (Exception gone) when (gone is OperationCanceledException or WebSocketException or IOException or ObjectDisposedException)
        {
            // The socket is closed, or will be.
        }
    }

    /// <summary>Sends what was printed, and what is.</summary>
    private async Task PrintAsync(Viewer viewer, long from, CancellationToken cancel)
    {
        using ConsoleSignals.Watcher watcher = signals.Watch(viewer.Tenant.Id);
        ConsolePage page = await reader.BytesAsync(viewer.Tenant.Id, from, Piece, cancel);
        long position = page.Segments.Count > 0 ? page.Segments[0].Position : page.Next, checkedAt = time.GetTimestamp();
        await viewer.TellAsync(new ConsoleNotice("start", Position: position, End: page.End, MayType: viewer.Typist is not null), cancel);
        bool live = false;
        while (true)
        {
            foreach (ConsoleSegment segment in page.Segments)
            {
                if (segment.LostBefore > 0) await viewer.TellAsync(new ConsoleNotice("lost", Bytes: segment.LostBefore), cancel);
                if (segment.Position > position) await viewer.TellAsync(new ConsoleNotice("start", Position: segment.Position, End: page.End, MayType: viewer.Typist is not null), cancel);
                await viewer.PrintAsync(segment.Data, cancel);
                position = segment.Position + segment.Data.Length;
            }
            position = Math.Max(position, page.Next);
            if (position >= page.End)
            {
                if (!live) await viewer.TellAsync(new ConsoleNotice("live", Position: position), cancel);
                live = true;
                await watcher.WaitAsync(ConsoleFollower.Poll, time, cancel);
            }
            if (time.GetElapsedTime(checkedAt) >= ConsoleFollower.KeepAlive)
            {
                if (!await follower.MayAsync(callers, viewer.Caller, viewer.User, viewer.Tenant.Id, cancel))
                {
                    await viewer.TellAsync(new ConsoleNotice("ended", Message: "you may no longer see this console"), cancel);
                    return;
                }
                checkedAt = time.GetTimestamp();
            }
            page = await reader.BytesAsync(viewer.Tenant.Id, position, Piece, cancel);
        }
    }

    /// <summary>Takes what is typed until the viewer closes.</summary>
    private async Task TypeAsync(Viewer viewer, CancellationToken cancel)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ConsoleKeyboard.MostBytes);
        try
        {
            bool refused = false;
            while (true)
            {
                ValueWebSocketReceiveResult received = await viewer.ReceiveAsync(buffer.AsMemory(0, ConsoleKeyboard.MostBytes), cancel);
                if (received.MessageType == WebSocketMessageType.Close) return;
                if (received.Count == 0) continue;
                string? problem = viewer.Typist is null ? "your role lets you watch, not type" : await TryTypeAsync(viewer, buffer.AsMemory(0, received.Count), cancel);
                if (problem is null) continue;
                if (viewer.Typist is null && !refused)
                {
                    await audit.RecordAsync(viewer.Caller.Actor, "request.refuse", AuditTrail.Shorten($"console.type {viewer.Tenant.Name}"), viewer.Tenant.ProjectId, new { status = 403 }, cancel);
                    refused = true;
                }
                await viewer.TellAsync(new ConsoleNotice("refused", Message: problem), cancel);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task<string?> TryTypeAsync(Viewer viewer, ReadOnlyMemory<byte> data, CancellationToken cancel)
    {
        try
        {
            await viewer.RenewAsync(callers, time, cancel);
            await keyboard.TypeAsync(viewer.Typist!, data, cancel);
            return null;
        }
        catch (RefusalException refusal)
        {
            return refusal.Message;
        }
    }

    /// <summary>One open socket.</summary>
    private sealed class Viewer(WebSocket socket, Caller caller, ClaimsPrincipal user, TenantView tenant, Typist? typist) : IDisposable
    {
        private readonly SemaphoreSlim _sending = new(1);
        private long? _checkedAt;

        public Caller Caller => caller;

        public ClaimsPrincipal User => user;

        public TenantView Tenant => tenant;

        public Typist? Typist => typist;

        public ValueTask<ValueWebSocketReceiveResult> ReceiveAsync(Memory<byte> buffer, CancellationToken cancel) => socket.ReceiveAsync(buffer, cancel);

        public Task PrintAsync(ReadOnlyMemory<byte> data, CancellationToken cancel) => SendAsync(data, WebSocketMessageType.Binary, cancel);

        public Task TellAsync(ConsoleNotice notice, CancellationToken cancel) => SendAsync(JsonSerializer.SerializeToUtf8Bytes(notice, ApiJson.Options), WebSocketMessageType.Text, cancel);

        /// <summary>Rights that were taken away end typing within seconds.</summary>
        public async Task RenewAsync(CallerLoader callers, TimeProvider time, CancellationToken cancel)
        {
            if (_checkedAt is { } at && time.GetElapsedTime(at) < ConsoleFollower.KeepAlive) return;
            Caller? present = await callers.LoadAsync(user, caller.Token, cancel);
            if (present is null || present.RoleIn(tenant.ProjectId) is not >= ProjectRole.Member) throw RefusalException.Forbidden("you may no longer type into this console");
            _checkedAt = time.GetTimestamp();
        }

        public async Task CloseAsync(bool stopping)
        {
            if (socket.State is not (WebSocketState.Open or WebSocketState.CloseReceived)) return;
            using var patience = new CancellationTokenSource(Patience);
            try
            {
                await socket.CloseOutputAsync(stopping ? WebSocketCloseStatus.EndpointUnavailable : WebSocketCloseStatus.NormalClosure, null, patience.Token);
            }
            catch (Exception gone) when (gone is OperationCanceledException or WebSocketException or IOException or ObjectDisposedException)
            {
                // It is closed all the same.
            }
        }

        public void Dispose() => _sending.Dispose();

        private async Task SendAsync(ReadOnlyMemory<byte> data, WebSocketMessageType kind, CancellationToken cancel)
        {
            await _sending.WaitAsync(cancel);
            try
            {
                await socket.SendAsync(data, kind, endOfMessage: true, cancel);
            }
            finally
            {
                _sending.Release();
            }
        }
    }
}

/// <summary>Something about a console beside its bytes.</summary>
/// <param name="Kind">start: the next byte has this position. live: everything so far was sent. lost: bytes are missing here. refused: what was typed did not get there. ended: the viewer may no longer look.</param>
public sealed record ConsoleNotice(string Kind, long? Position = null, long? End = null, bool? MayType = null, long? Bytes = null, string? Message = null);
