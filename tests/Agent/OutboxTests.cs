using Osv.Agent.Session;
using Osv.Contracts.Node;

namespace Osv.Agent.Tests;

public sealed class OutboxTests
{
    [Fact]
    public void What_is_not_acknowledged_stays_in_order()
    {
        var outbox = new Outbox();
        for (int i = 0; i < 5; i++) outbox.Add(new AgentEnvelope { Heartbeat = new Heartbeat() });
        outbox.Acknowledge(2);
        outbox.Pending.Select(envelope => envelope.Sequence).ShouldBe([3UL, 4UL, 5UL]);
        outbox.Acknowledge(9);
        outbox.Pending.ShouldBeEmpty();
    }

    [Fact]
    public void What_comes_twice_is_accepted_once_and_a_gap_is_an_error()
    {
        var outbox = new Outbox();
        outbox.Accept(new ControlEnvelope { Sequence = 1 }).ShouldBeTrue();
        outbox.Accept(new ControlEnvelope { Sequence = 1 }).ShouldBeFalse();
        outbox.Accept(new ControlEnvelope { Sequence = 2 }).ShouldBeTrue();
        Should.Throw<InvalidDataException>(() => outbox.Accept(new ControlEnvelope { Sequence = 4 })).Message.ShouldContain("4 after 2");
    }
}
