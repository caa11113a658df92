using System.Threading.Channels;
using Grpc.Core;
using Grpc.Net.Client;
using Osv.Agent.Node;
using Osv.Contracts.Node;

namespace Osv.Agent.Session;

/// <summary>What the session does with what comes, and where it gets what goes.</summary>
public interface ISessionPeer
{
    /// <summary>Facts for the first message of a connection.</summary>
    Hello Greet();

    /// <summary>The connection stands. For a new session: positions to go on from.</summary>
    void Welcomed(Welcome welcome, bool resumed);

    /// <summary>Called once for each message.</summary>
    void Receive(ControlEnvelope envelope);

    /// <summary>What there is to say now; empty when there is nothing.</summary>
    IEnumerable<AgentEnvelope> Collect(Outbox outbox);

    /// <summary>Until there may be something to say.</summary>
    Task WordAsync(CancellationToken cancel);
}

/// <summary>
/// The stream to the control plane: connects, says what there is to say, and comes back when it is cut. One session per life of
/// the agent unless the control plane forgets it.
/// </summary>
public sealed class SessionClient(Uri control, IdentityHolder identity, ISessionPeer peer, TimeProvider time, AgentLog log)
{
    private static readonly TimeSpan s_pingDelay = TimeSpan.FromSeconds(10), s_pingTimeout = TimeSpan.FromSeconds(20);
    private readonly BackOff _backOff = new(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(30));
    private string _session = Guid.NewGuid().ToString("N");
    private bool _welcomed;
    private Outbox _outbox = new();

    /// <summary>When the last connection was made; null while there is none.</summary>
    public DateTimeOffset? ConnectedSince { get; private set; }

    /// <summary>Until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            string why;
            try
            {
                await ConnectAsync(cancel).ConfigureAwait(false);
                why = "the control plane ended the stream";
            }
            catch (Exception error) when (cancel.IsCancellationRequested && error is (RpcException or OperationCanceledException or IOException or HttpRequestException))
            {
                return;
            }
            catch (RpcException error)
            {
                why = $"{error.StatusCode} {error.Status.Detail}";
                if (error.StatusCode == StatusCode.FailedPrecondition) Forget();
                if (error.StatusCode == StatusCode.Unauthenticated) identity.Doubt();
            }
            catch (Exception error) when (error is InvalidDataException or IOException or HttpRequestException)
            {
                why = error.Message;
                if (error is InvalidDataException) Forget();
            }
            ConnectedSince = null;
            TimeSpan wait = _backOff.Next();
            log.Warn("session", $"no stream to {control}: {why}; trying again in {wait.TotalSeconds:0.0} s");
            await Task.Delay(wait, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>The other side knows nothing of this session: positions tell where to go on.</summary>
    private void Forget()
    {
        _session = Guid.NewGuid().ToString("N");
        _welcomed = false;
        _outbox = new Outbox();
    }

    private async Task ConnectAsync(CancellationToken cancel)
    {
        await identity.RenewEndedAsync(control, cancel).ConfigureAwait(false);
        NodeIdentity current = identity.Current;
        SocketsHttpHandler transport = NodeIdentity.Transport(current.Authority, current);
        (transport.KeepAlivePingDelay, transport.KeepAlivePingTimeout, transport.KeepAlivePingPolicy) = (s_pingDelay, s_pingTimeout, HttpKeepAlivePingPolicy.WithActiveRequests);
        using GrpcChannel channel = GrpcChannel.ForAddress(control, new GrpcChannelOptions { HttpHandler = transport, DisposeHttpClient = true, MaxReceiveMessageSize = 16 << 20 });
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using AsyncDuplexStreamingCall<AgentEnvelope, ControlEnvelope> call = new NodeSession.NodeSessionClient(channel).Connect(cancellationToken: end.Token);
        Hello hello = peer.Greet();
        hello.SessionId = _session;
        hello.Resumed = _welcomed;
        try
        {
            await call.RequestStream.WriteAsync(new AgentEnvelope { Hello = hello, Acknowledged = _outbox.Received }, end.Token).ConfigureAwait(false);
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.Cancelled && !end.IsCancellationRequested)
        {
            // The call is over before the greeting was through: the answer says why.
        }
        if (!await call.ResponseStream.MoveNext(end.Token).ConfigureAwait(false)) return;
        if (call.ResponseStream.Current is not { Welcome: { } welcome } greeting) throw new InvalidDataException("the control plane did not begin with a welcome");
        _outbox.Acknowledge(greeting.Acknowledged);
        ConnectedSince = time.GetUtcNow();
        log.Info("session", $"connected to {control}, {(_welcomed ? $"session goes on, {_outbox.Unacknowledged} messages are sent again" : "new session")}");
        peer.Welcomed(welcome, _welcomed);
        _welcomed = true;

        // One loop owns the outbox: what has come is handed over by a reader of its own.
        var received = Channel.CreateBounded<ControlEnvelope>(256);
        Task reader = ReadAsync(call.ResponseStream, received.Writer, end.Token);
        try
        {
            foreach (AgentEnvelope envelope in _outbox.Pending) await SendAsync(call, envelope, end.Token).ConfigureAwait(false);
            ulong told = 0;
            Task? word = null, news = null;
            while (true)
            {
                while (received.Reader.TryRead(out ControlEnvelope? envelope))
                {
                    if (_outbox.Accept(envelope)) peer.Receive(envelope);
                    _backOff.Reset();
                }
                if (received.Reader.Completion.IsCompleted) break;
                // All of it is kept before any of it is sent: the peer will not say it again when the stream breaks half-way.
                List<AgentEnvelope> fresh = [.. peer.Collect(_outbox).Select(_outbox.Add)];
                foreach (AgentEnvelope envelope in fresh) await SendAsync(call, envelope, end.Token).ConfigureAwait(false);
                if (fresh.Count == 0 && told != _outbox.Received) await SendAsync(call, new AgentEnvelope(), end.Token).ConfigureAwait(false);
                told = _outbox.Received;
                // A console may have more than one piece.
                if (fresh.Count != 0) continue;
                word ??= peer.WordAsync(end.Token);
                news ??= received.Reader.WaitToReadAsync(end.Token).AsTask();
                await (await Task.WhenAny(word, news).ConfigureAwait(false)).ConfigureAwait(false);
                if (word.IsCompleted) word = null;
                if (news.IsCompleted) news = null;
            }
            await reader.ConfigureAwait(false);
        }
        finally
        {
            await end.CancelAsync().ConfigureAwait(false);
            await reader.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private Task SendAsync(AsyncDuplexStreamingCall<AgentEnvelope, ControlEnvelope> call, AgentEnvelope envelope, CancellationToken cancel)
    {
        envelope.Acknowledged = _outbox.Received;
        return call.RequestStream.WriteAsync(envelope, cancel);
    }

    private static async Task ReadAsync(IAsyncStreamReader<ControlEnvelope> from, ChannelWriter<ControlEnvelope> to, CancellationToken cancel)
    {
        Exception? error = null;
        try
        {
            while (await from.MoveNext(cancel).ConfigureAwait(false)) await to.WriteAsync(from.Current, cancel).ConfigureAwait(false);
        }
        catch (Exception thrown) when (thrown is RpcException or OperationCanceledException or IOException)
        {
            error = thrown;
        }
        to.Complete();
        if (error is not null) throw error;
    }
}
