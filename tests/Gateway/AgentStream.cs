using Grpc.Core;
using Grpc.Net.Client;
using Osv.Contracts.Node;

namespace Osv.Gateway.Tests;

/// <summary>One connection of an agent, message by message.</summary>
internal sealed class AgentStream : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly GrpcChannel _channel;
    private readonly AsyncDuplexStreamingCall<AgentEnvelope, ControlEnvelope> _call;

    private AgentStream(GrpcChannel channel, AsyncDuplexStreamingCall<AgentEnvelope, ControlEnvelope> call, string session)
    {
        _channel = channel;
        _call = call;
        Session = session;
    }

    public string Session { get; }

    public Welcome Welcome { get; private set; } = new();

    /// <summary>Number of the last message that was said.</summary>
    public ulong Said { get; set; }

    /// <summary>What the control plane has acknowledged.</summary>
    public ulong Acknowledged { get; private set; }

    /// <summary>Highest number that came.</summary>
    public ulong Received { get; set; }

    /// <summary>Everything that came with a number, in order, over all connections of the session.</summary>
    public List<ControlEnvelope> Came { get; } = [];

    /// <param name="resumes">The connection whose session goes on.</param>
    /// <param name="desired">The revision that the agent says it has.</param>
    public static async Task<AgentStream> OpenAsync(Machine machine, Uri gateway, AgentStream? resumes = null, ulong? desired = null)
    {
        GrpcChannel channel = machine.Channel(gateway, machine.Certificate);
        var stream = new AgentStream(channel, new NodeSession.NodeSessionClient(channel).Connect(cancellationToken: TestContext.Current.CancellationToken), resumes?.Session ?? Guid.NewGuid().ToString("N"));
        if (resumes is not null)
        {
            stream.Said = resumes.Said;
            stream.Received = resumes.Received;
            stream.Came.AddRange(resumes.Came);
        }
        try
        {
            ulong revision = desired ?? resumes?.Came.LastOrDefault(one => one.Desired is not null)?.Desired.Revision ?? 0;
            var hello = new Hello { SessionId = stream.Session, Resumed = resumes is not null, BootId = machine.BootId, AgentVersion = "1.2.3", DesiredRevision = revision };
            try
            {
                await stream.WriteAsync(new AgentEnvelope { Hello = hello, Acknowledged = stream.Received });
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.Cancelled)
            {
                // As the agent: a refusal may come before the greeting is through, and the answer says why.
            }
            stream.Welcome = (await stream.NextAsync()).Welcome.ShouldNotBeNull();
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>As it is, without a number of ours.</summary>
    public Task WriteAsync(AgentEnvelope envelope) => _call.RequestStream.WriteAsync(envelope, TestContext.Current.CancellationToken);

    /// <summary>With the next number.</summary>
    public Task SayAsync(AgentEnvelope envelope)
    {
        envelope.Sequence = ++Said;
        envelope.Acknowledged = Received;
        return WriteAsync(envelope);
    }

    /// <summary>Waits until all that was said is acknowledged: it is on disk.</summary>
    public async Task TakenAsync()
    {
        while (Acknowledged < Said) await NextAsync();
    }

    /// <summary>The next message with a body of this kind; others on the way are kept in <see cref="Came"/>.</summary>
    public async Task<ControlEnvelope> UntilAsync(ControlEnvelope.BodyOneofCase kind)
    {
        while (true)
        {
            ControlEnvelope next = await NextAsync();
            if (next.BodyCase == kind) return next;
        }
    }

    public async Task<DesiredState> DesiredAsync() => (await UntilAsync(ControlEnvelope.BodyOneofCase.Desired)).Desired;

    /// <summary>The next desired state with so many partitions, or the last one that came, if it has so many.</summary>
    public async Task<DesiredState> UntilDesiredAsync(int partitions)
    {
        DesiredState? last = Came.LastOrDefault(one => one.Desired is not null)?.Desired;
        while (last?.Partitions.Count != partitions) last = await DesiredAsync();
        return last;
    }

    public async Task<ControlEnvelope> NextAsync()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Patience);
        if (!await _call.ResponseStream.MoveNext(deadline.Token)) throw new EndOfStreamException("the control plane ended the stream");
        ControlEnvelope next = _call.ResponseStream.Current;
        Acknowledged = next.Acknowledged;
        if (next.Sequence != 0)
        {
            next.Sequence.ShouldBe(Received + 1, "numbers have no gap");
            Received = next.Sequence;
            Came.Add(next);
        }
        return next;
    }

    /// <summary>Reads until the control plane ends the stream.</summary>
    public async Task<StatusCode> EndAsync()
    {
        try
        {
            while (true) await NextAsync();
        }
        catch (RpcException ended)
        {
            return ended.StatusCode;
        }
        catch (EndOfStreamException)
        {
            return StatusCode.OK;
        }
    }

    /// <summary>Cuts the connection without a word.</summary>
    public ValueTask DisposeAsync()
    {
        _call.Dispose();
        _channel.Dispose();
        return ValueTask.CompletedTask;
    }
}
