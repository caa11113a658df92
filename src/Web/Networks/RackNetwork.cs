using System.Collections.Frozen;
using System.Threading.Channels;

namespace Osv.Web.Networks;

/// <summary>What is known of the cards of one rack that has a switch. Safe for threads.</summary>
/// <param name="Rack">Its name.</param>
/// <param name="Socket">Of its switch.</param>
internal sealed record RackNetwork(string Rack, string Socket)
{
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private volatile FrozenDictionary<Card, Plug> _plugs = FrozenDictionary<Card, Plug>.Empty;

    public FrozenDictionary<Card, Plug> Plugs
    {
        get => _plugs;
        set => _plugs = value;
    }

    /// <summary>Says that a card has an owner whom the switch may not know.</summary>
    public ChannelReader<bool> Wake => _wake.Reader;

    /// <summary>Why a tenant that owns these cards may not start yet; null: it may.</summary>
    public string? HoldOf(Guid node, IEnumerable<string> cards, long fence)
    {
        FrozenDictionary<Card, Plug> plugs = _plugs;
        string? hold = null;
        foreach (string address in cards)
        {
            if (plugs.TryGetValue(new Card(node, address), out Plug? plug) && plug.Fence == fence)
            {
                if (plug.Trouble is { } trouble) hold ??= $"its network card {address} is not plugged in: {trouble}";
                continue;
            }
            hold ??= "its network is being set up";
            _wake.Writer.TryWrite(true);
        }
        return hold;
    }
}

/// <param name="Address">PCI address, there.</param>
internal readonly record struct Card(Guid Node, string Address);

/// <param name="Fence">Of the placement that it was asked for.</param>
/// <param name="Trouble">Null: it is plugged in.</param>
internal sealed record Plug(long Fence, string? Trouble);
