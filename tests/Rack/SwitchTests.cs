using System.Net;
using System.Net.Sockets;
using Osv.Contracts.Networks;

namespace Osv.Rack.Tests;

/// <summary>The switch between real QEMU machines: their hubs, cables and servers are real, the cards' drivers are played.</summary>
public sealed class SwitchTests : IAsyncLifetime
{
    private const int DeadlineMilliseconds = 60_000;
    private const string First = "0000:01:01.0", Second = "0000:02:01.0";
    private static readonly Uri s_nowhere = new("http://10.0.2.2:9/boot.ipxe");
    private readonly string _folder = Directory.CreateTempSubdirectory("rack").FullName;
    private readonly VirtualRack _rack;
    private readonly Guid _green = Guid.NewGuid(), _blue = Guid.NewGuid();
    private VirtualNode _here = null!, _there = null!;
    private SwitchProcess? _started;

    public SwitchTests() => _rack = new VirtualRack(Path.Combine(_folder, "nodes"));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private SwitchProcess Switch => _started!;

    private string SwitchSocket => Path.Combine(_folder, "switch", "api.sock");

    public async ValueTask InitializeAsync()
    {
        _here = _rack.Add(new VirtualNodeShape("here", 1, 1L << 30) { Nics = 2 });
        _there = _rack.Add(new VirtualNodeShape("there", 1, 1L << 30) { Nics = 2 });
        foreach (VirtualNode node in _rack.Nodes) await node.PowerOnAsync(s_nowhere, Cancel);
        _started = await SwitchProcess.StartAsync(Path.Combine(_folder, "nodes"), SwitchSocket, Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        _started?.Dispose();
        foreach (VirtualNode node in _rack.Nodes) await _rack.RemoveAsync(node, CancellationToken.None);
        Directory.Delete(_folder, recursive: true);
    }

    [Fact(Timeout = DeadlineMilliseconds)]
    public async Task Cards_of_one_segment_hear_each_other_and_no_others()
    {
        (await Switch.BindAsync(Cancel, new("here", First, _green, 1), new("there", First, _green, 2), new("there", Second, _blue, 3))).ShouldBe([null, null, null]);
        using PlayedCard here = Play(_here, First), there = Play(_there, First), stranger = Play(_there, Second);

        here.Say("to all");
        here.Say("to one", there);
        (await there.HearTextAsync(Cancel)).ShouldBe("to all");
        (await there.HearTextAsync(Cancel)).ShouldBe("to one");
        there.Say("an answer", here);
        (await here.HearTextAsync(Cancel)).ShouldBe("an answer");

        here.Say("to a stranger", stranger);
        here.Say("as another", there, from: stranger.Mac);
        here.Say("as the receiver", there, from: there.Mac);
        here.Send([1, 2, 3]);
        here.Offer(there, IPAddress.Parse("10.64.0.99"));
        here.Say("the last", there);
        (await there.HearTextAsync(Cancel)).ShouldBe("the last", "neither false senders nor lent addresses pass, and what is too short harms nobody");
        stranger.AskFor(CardAddresses.Server, IPAddress.Parse("10.64.0.77"));
        (await stranger.HearAsync(Cancel))[12..14].ShouldBe([8, 6], "the first that the stranger hears is the answer of its own server");
    }

    [Fact(Timeout = DeadlineMilliseconds)]
    public async Task Each_card_is_answered_by_its_own_server_with_an_address_that_no_other_has()
    {
        (await Switch.BindAsync(Cancel, new("here", First, _green, 1), new("here", Second, _green, 1), new("there", First, _green, 2))).ShouldBe([null, null, null]);
        using PlayedCard first = Play(_here, First), second = Play(_here, Second), third = Play(_there, First);
        foreach ((PlayedCard card, string lease) in (IEnumerable<(PlayedCard, string)>)[(first, "10.64.1.0"), (second, "10.64.1.16"), (third, "10.64.2.0")])
        {
            card.Discover();
            byte[] offer = await card.HearAsync(Cancel);
            offer[6..12].ShouldBe(PlayedCard.MacOf(CardAddresses.ServerMac));
            new IPAddress(offer.AsSpan(14 + 20 + 8 + 16, 4)).ToString().ShouldBe(lease, "and nobody else's question or offer came before");
        }
        first.AskFor(CardAddresses.Server, IPAddress.Parse("10.64.1.0"));
        (await second.HearAsync(Cancel))[20..22].ShouldBe([0, 1], "the question is for all");
        (await first.HearAsync(Cancel))[6..12].ShouldBe(PlayedCard.MacOf(CardAddresses.ServerMac));
        first.Say("done");
        (await second.HearTextAsync(Cancel)).ShouldBe("done", "their servers did not hear it");
    }

    [Fact(Timeout = DeadlineMilliseconds)]
    public async Task What_is_late_wrong_or_off_is_said_and_harms_no_other_card()
    {
        PortBinding good = new("here", First, _green, 5);
        string?[] troubles = await Switch.BindAsync(Cancel, good, new("nobody", First, _green, 1), new("here", "0000:09:01.0", _green, 1));
        troubles[0].ShouldBeNull();
        troubles[1].ShouldBe("the rack has no node named nobody");
        troubles[2].ShouldBe("node here has no network card for tenants at 0000:09:01.0");
        (await Switch.BindAsync(Cancel, good with { Segment = _blue, Fence = 4 })).Single().ShouldBe($"card {First} of node here belongs to placement 5: 4 is over");
        using (HttpResponseMessage twice = await Switch.PutAsync([good, good], Cancel))
        {
            twice.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
            (await twice.Content.ReadAsStringAsync(Cancel)).ShouldContain($"card {First} of node here is named twice");
        }
        PortBinding cycled = new("there", First, _green, 1);
        (await Switch.BindAsync(Cancel, good, cycled)).ShouldBe([null, null]);
        await _there.PowerOffAsync(Cancel);
        (await Switch.BindAsync(Cancel, good, cycled)).ShouldBe([null, "node there is off"]);
        await _there.PowerOnAsync(s_nowhere, Cancel);
        IsPluggedIn(_there).ShouldBeFalse("a machine that is switched on anew has no cables");
        (await Switch.BindAsync(Cancel, good, cycled)).ShouldBe([null, null]);
        IsPluggedIn(_there).ShouldBeTrue();
        using PlayedCard here = Play(_here, First), there = Play(_there, First);
        here.Say("hello");
        (await there.HearTextAsync(Cancel)).ShouldBe("hello");
    }

    [Fact(Timeout = DeadlineMilliseconds)]
    public async Task A_card_that_changes_hands_is_plugged_anew_and_a_new_switch_takes_over()
    {
        PortBinding mine = new("here", First, _green, 1), other = new("there", First, _green, 1);
        (await Switch.BindAsync(Cancel, mine, other)).ShouldBe([null, null]);
        DateTime plugged = Plugged(_here);
        (await Switch.BindAsync(Cancel, mine, other)).ShouldBe([null, null]);
        Plugged(_here).ShouldBe(plugged, "nothing has changed, so nothing is touched");
        (await Switch.BindAsync(Cancel, other)).ShouldBe([null]);
        IsPluggedIn(_here).ShouldBeFalse();
        (await Switch.BindAsync(Cancel, mine with { Segment = _blue, Fence = 2 }, other)).ShouldBe([null, null]);
        IsPluggedIn(_here).ShouldBeTrue();
        Plugged(_here).ShouldBeGreaterThan(plugged);

        Switch.Dispose();
        _started = await SwitchProcess.StartAsync(Path.Combine(_folder, "nodes"), SwitchSocket, Cancel);
        File.GetUnixFileMode(Path.GetDirectoryName(SwitchSocket)!).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        (await Switch.BindAsync(Cancel, mine with { Fence = 3 }, other)).ShouldBe([null, null]);
        using PlayedCard here = Play(_here, First), there = Play(_there, First);
        here.Say("hello again");
        (await there.HearTextAsync(Cancel)).ShouldBe("hello again");
    }

    /// <summary>When the machine made its end of the first card's cable.</summary>
    private static DateTime Plugged(VirtualNode node) => File.GetLastWriteTimeUtc(node.CableAt(First)!.Card.Node);

    /// <summary>The machine listens at its end of the first card's cable.</summary>
    private static bool IsPluggedIn(VirtualNode node)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            socket.SendTo([0], new UnixDomainSocketEndPoint(node.CableAt(First)!.Card.Node));
            return true;
        }
        catch (SocketException nobody) when (nobody.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return false;
        }
    }

    private static PlayedCard Play(VirtualNode node, string address) => new(node.CableAt(address)!);
}
