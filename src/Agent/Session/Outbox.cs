using Osv.Contracts.Node;

namespace Osv.Agent.Session;

/// <summary>
/// What has been sent in this session and not been acknowledged, and what has been received. Numbers both ways as session.proto
/// says. Not thread-safe.
/// </summary>
public sealed class Outbox
{
    private readonly Queue<AgentEnvelope> _unacknowledged = [];
    private ulong _sequence;

    /// <summary>Highest number received without a gap.</summary>
    public ulong Received { get; private set; }

    public int Unacknowledged => _unacknowledged.Count;

    /// <summary>Bytes of console output among them.</summary>
    public long ConsoleBytes { get; private set; }

    /// <summary>Numbers it and keeps it.</summary>
    public AgentEnvelope Add(AgentEnvelope envelope)
    {
        envelope.Sequence = ++_sequence;
        _unacknowledged.Enqueue(envelope);
        ConsoleBytes += envelope.Console?.Data.Length ?? 0;
        return envelope;
    }

    public void Acknowledge(ulong upTo)
    {
        while (_unacknowledged.TryPeek(out AgentEnvelope? first) && first.Sequence <= upTo)
        {
            _unacknowledged.Dequeue();
            ConsoleBytes -= first.Console?.Data.Length ?? 0;
        }
    }

    /// <summary>What the other side lacks, in order.</summary>
    public IReadOnlyList<AgentEnvelope> Pending => [.. _unacknowledged];

    /// <summary>False when it has been received before, so that it must not be done again.</summary>
    /// <exception cref="InvalidDataException">A number is missing before it.</exception>
    public bool Accept(ControlEnvelope envelope)
    {
        Acknowledge(envelope.Acknowledged);
        if (envelope.Sequence == 0) return true;
        if (envelope.Sequence <= Received) return false;
        if (envelope.Sequence != Received + 1) throw new InvalidDataException($"the control plane sent number {envelope.Sequence} after {Received}");
        Received++;
        return true;
    }
}
