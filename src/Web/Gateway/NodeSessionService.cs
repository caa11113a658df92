using Grpc.Core;
using Microsoft.Extensions.Options;
using Npgsql;
using Osv.Web.Boot;
using Osv.Web.Consoles;
using Osv.Web.Hosting;
using Wire = Osv.Contracts.Node;

namespace Osv.Web.Gateway;

/// <summary>The stream of one agent: takes what it says in order, says what there is to say, and ends when another takes over.</summary>
internal sealed class NodeSessionService(
    NodeLinks links, NodeRegister register, Reports reports, DesiredPush push, HeartbeatFlush heartbeats, BootTimeline timeline, IConsoleReceiver consoles, Replica replica, DatabaseClock clock,
    IOptions<GatewayOptions> options, GatewayMetrics metrics, ILogger<NodeSessionService> log) : Wire.NodeSession.NodeSessionBase
{
    private const int LongestName = 64;

    /// <summary>An agent that has connected has this long to say hello.</summary>
    private static readonly TimeSpan HelloWithin = TimeSpan.FromSeconds(10);

    public override async Task Connect(IAsyncStreamReader<Wire.AgentEnvelope> requestStream, IServerStreamWriter<Wire.ControlEnvelope> responseStream, ServerCallContext context)
    {
        NodeCertificate certificate = NodeCertificate.Of(context).StillGood(clock.Now);
        Guid node = certificate.Node;
        using var stream = new NodeStream(context.CancellationToken);
        NodeLink? link = null;
        string why = "its agent ended the stream";
        try
        {
            Wire.AgentEnvelope first = await HelloAsync(requestStream, stream.Token);
            Admission admission = await register.AdmitAsync(node, certificate.SerialNumber, first.Hello.BootId, stream.Token) ?? throw Refuse(StatusCode.Unauthenticated, "the certificate was revoked or the node was deleted: boot the machine anew");
            await register.ConnectAsync(node, replica.Name, stream.Id, first.Hello.BootId, stream.Token);
            (link, NodeStream? before) = links.Open(node, admission.Name, first.Hello, stream) ?? throw Refuse(StatusCode.FailedPrecondition, "this session is not known here: begin a new one");
            // What the stream before was about to take is taken, or not, before this one is told how far we are.
            if (before is not null) await before.Ended.WaitAsync(stream.Token);
            if (!link.Acknowledge(first.Acknowledged)) throw Refuse(StatusCode.InvalidArgument, $"number {first.Acknowledged} is acknowledged and was never sent");
            metrics.Connected();
            log.NodeConnected(link.Name, first.Hello.Resumed ? "its session goes on" : "a new session", link.AgentVersion);
            await heartbeats.StoreAsync(link, stream.Token);
            Wire.ControlEnvelope welcome = await WelcomeAsync(link, first.Hello, admission, stream.Token);
            await responseStream.WriteAsync(welcome, stream.Token);
            link.Compare(first.Hello.DesiredRevision);
            push.Ask(node);
            await timeline.ConnectedAsync(node, stream.Token);
            await link.TenantsKnown.WaitAsync(stream.Token);
            Task reading = ReadAsync(requestStream, link, stream);
            Task writing = WriteAsync(responseStream, link, stream, welcome.Acknowledged, reading);
            Task ended = await Task.WhenAny(reading, writing);
            stream.Stop();
            await Task.WhenAll(reading, writing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            // What ended the reading ends the stream: writing follows it, and may be seen to end first.
            if (reading.IsFaulted) await reading;
            await ended;
        }
        catch (Exception error) when (error is OperationCanceledException or IOException && stream.Verdict is null)
        {
            why = "the stream was cut";
        }
        catch (Exception) when (stream.Verdict is { } verdict)
        {
            why = verdict.Detail;
            throw new RpcException(verdict);
        }
        catch (RpcException refused)
        {
            why = refused.Status.Detail;
            throw;
        }
        catch (Exception error) when (error is NpgsqlException or TimeoutException)
        {
            why = "the database does not answer";
            log.WriteFailed($"what node {link?.Name ?? node.ToString()} reports", error);
            throw Refuse(StatusCode.Unavailable, "the control plane's database does not answer: try again");
        }
        finally
        {
            if (link is not null)
            {
                metrics.Disconnected();
                log.NodeDisconnected(link.Name, why);
                if (link.Detach(stream)) await LeaveAsync(node, stream.Id);
            }
        }
    }

    private static async Task<Wire.AgentEnvelope> HelloAsync(IAsyncStreamReader<Wire.AgentEnvelope> requests, CancellationToken cancel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(HelloWithin);
        try
        {
            if (!await requests.MoveNext(patience.Token) || requests.Current.Hello is not { } hello) throw Refuse(StatusCode.InvalidArgument, "the first message is not a hello");
            if (hello.SessionId.Length is 0 or > LongestName || hello.BootId.Length is 0 or > LongestName || hello.AgentVersion.Length > LongestName) throw Refuse(StatusCode.InvalidArgument, $"a hello has a session_id and a boot_id, and nothing in it is longer than {LongestName} characters");
            return requests.Current;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw Refuse(StatusCode.DeadlineExceeded, $"no hello came within {HelloWithin.TotalSeconds:0} s");
        }
    }

    private async Task<Wire.ControlEnvelope> WelcomeAsync(NodeLink link, Wire.Hello hello, Admission admission, CancellationToken cancel)
    {
        var welcome = new Wire.Welcome { ServerTimeUnixMs = (ulong)clock.Now.ToUnixTimeMilliseconds(), LeaseSeconds = (uint)options.Value.LeaseSeconds, HeartbeatSeconds = (uint)options.Value.HeartbeatSeconds };
        if (!hello.Resumed)
        {
            welcome.EventsKnown = admission.EventsKnown;
            foreach ((Guid tenant, long instance, long offset) in await consoles.PositionsAsync(link.Node, cancel))
            {
                welcome.Consoles.Add(new Wire.ConsolePosition { TenantId = tenant.ToString(), Instance = (ulong)instance, Offset = (ulong)offset });
            }
        }
        return new Wire.ControlEnvelope { Welcome = welcome, Acknowledged = link.Received };
    }

    private async Task ReadAsync(IAsyncStreamReader<Wire.AgentEnvelope> requests, NodeLink link, NodeStream stream)
    {
        while (await requests.MoveNext(stream.Token))
        {
            Wire.AgentEnvelope envelope = requests.Current;
            if (!link.Acknowledge(envelope.Acknowledged)) throw Refuse(StatusCode.InvalidArgument, $"number {envelope.Acknowledged} is acknowledged and was never sent");
            if (envelope.Sequence == 0)
            {
                if (envelope.BodyCase == Wire.AgentEnvelope.BodyOneofCase.None) continue;
                throw Refuse(StatusCode.InvalidArgument, $"a {envelope.BodyCase} without a number");
            }
            if (envelope.Sequence <= link.Received) continue;
            if (envelope.Sequence != link.Received + 1) throw Refuse(StatusCode.InvalidArgument, $"number {envelope.Sequence} after {link.Received}");
            await reports.TakeAsync(link, envelope, stream.Token);
            link.Take(envelope.Sequence);
        }
    }

    /// <param name="told">What was acknowledged in the welcome.</param>
    private async Task WriteAsync(IServerStreamWriter<Wire.ControlEnvelope> responses, NodeLink link, NodeStream stream, ulong told, Task reading)
    {
        ulong sent = 0;
        long spoke = clock.Stamp;
        while (!reading.IsCompleted)
        {
            (IReadOnlyList<Wire.ControlEnvelope> envelopes, ulong received, Task more) = link.After(sent);
            bool something = envelopes.Count > 0 || received != told;
            if (something && link.MaySpeak(options.Value.LeaseSlack))
            {
                if (clock.Since(spoke) > options.Value.Lease / 2)
                {
                    link.Repeat();
                    push.Ask(link.Node);
                }
                foreach (Wire.ControlEnvelope envelope in envelopes)
                {
                    envelope.Acknowledged = received;
                    await responses.WriteAsync(envelope, stream.Token);
                    sent = envelope.Sequence;
                }
                if (envelopes.Count == 0) await responses.WriteAsync(new Wire.ControlEnvelope { Acknowledged = received }, stream.Token);
                told = received;
                spoke = clock.Stamp;
                continue;
            }
            // Something to say and no leave to say it: the next stored heartbeat gives it, and signals.
            await Task.WhenAny(more, reading).WaitAsync(stream.Token);
        }
    }

    /// <summary>The last to touch the node's row, if it is still this stream's. It is for people; so its failure is none.</summary>
    private async Task LeaveAsync(Guid node, string stream)
    {
        try
        {
            await register.DisconnectAsync(node, stream, CancellationToken.None);
        }
        catch (Exception error) when (error is NpgsqlException or TimeoutException or ObjectDisposedException)
        {
            log.WriteFailed("the end of a stream", error);
        }
    }

    private static RpcException Refuse(StatusCode code, string why) => new(new Status(code, why));
}
