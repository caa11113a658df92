using Google.Protobuf;
using Osv.Agent.Node;
using Osv.Agent.Notes;
using Osv.Agent.Session;
using Osv.Contracts.Node;
using Osv.ControlPlaneDouble;
using Osv.Netboot;

namespace Osv.Agent.Tests;

/// <summary>The stream breaks while a batch of messages is being sent: what was collected for it must not be lost.</summary>
public sealed class BrokenSendTests
{
    private const int Pieces = 100, PieceBytes = 64 << 10;

    /// <summary>Has one batch to say, larger than what a stream takes before the other side reads.</summary>
    private sealed class OneBatch : ISessionPeer
    {
        private bool _said;

        public Hello Greet() => new() { BootId = "b" };

        public void Welcomed(Welcome welcome, bool resumed)
        {
        }

        public void Receive(ControlEnvelope envelope)
        {
        }

        public Task WordAsync(CancellationToken cancel) => Task.Delay(TimeSpan.FromMilliseconds(50), cancel);

        public IEnumerable<AgentEnvelope> Collect(Outbox outbox)
        {
            if (_said) return [];
            _said = true;
            return [.. Enumerable.Range(0, Pieces).Select(i => new AgentEnvelope
            {
                Console = new ConsoleOutput { TenantId = "t", Instance = 1, Offset = (ulong)(i * PieceBytes), Data = ByteString.CopyFromUtf8(new string('x', PieceBytes)) },
            })];
        }
    }

    [Fact]
    public async Task A_batch_that_is_cut_in_the_middle_arrives_whole_and_once()
    {
        await using ControlPlane plane = await ControlPlane.StartAsync();
        var machine = new BootMachine("52:54:00:00:00:02", "S", "0f9be0a1-0000-4000-8000-000000000002");
        bool cut = false;
        plane.Registry.Taken = (node, envelope) =>
        {
            if (cut || envelope.Console is null) return;
            cut = true;
            node.Cut();
        };
        var log = new AgentLog(TimeProvider.System, TextWriter.Null);
        var memory = new byte[4096];
        var notes = new NodeNotes(new NoteStore(() => memory, 1));
        notes.Save(new NodeNote { BootId = "b" });
        BootOptions options = BootOptions.Parse($"osv.control={plane.Control.GetLeftPart(UriPartial.Authority)} osv.authority={new Uri(plane.Http, BootScript.AuthorityPath)} osv.ca={plane.Authority.RootHash} osv.token={plane.Registry.IssueToken(machine)} osv.mac={machine.Mac} osv.serial={machine.Serial} osv.uuid={machine.Uuid}");
        var enroller = new Enroller(options, notes, TimeProvider.System, log);
        using var identity = new IdentityHolder(await enroller.EnrolAsync(TestContext.Current.CancellationToken), enroller, TimeProvider.System);
        using var life = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Task session = new SessionClient(options.Control, identity, new OneBatch(), TimeProvider.System, log).RunAsync(life.Token);

        NodeRecord node = plane.Registry.Nodes.Single();
        await plane.Registry.WaitAsync(() => node.Connections >= 2 && node.Console("t").Length >= Pieces * PieceBytes, LiveAgent.Patience, "the whole batch");
        node.Console("t").Length.ShouldBe(Pieces * PieceBytes);
        node.Faults.ShouldBeEmpty();
        await life.CancelAsync();
        await session;
    }
}
