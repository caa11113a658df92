using System.Collections.Immutable;
using Osv.Rack;

namespace Osv.Switch;

/// <summary>
/// Where a frame goes. Nothing is learned: which card has which address and stands in which segment is known, so a frame that names another sender, or a receiver
/// that is not in the segment, goes nowhere. Safe for threads.
/// </summary>
internal sealed class Segments
{
    private static readonly ulong s_server = Frame.Address(CardAddresses.ServerMac);
    private ImmutableDictionary<Guid, ImmutableDictionary<ulong, Port>> _segments = ImmutableDictionary<Guid, ImmutableDictionary<ulong, Port>>.Empty;

    public void Add(Port port) => ImmutableInterlocked.Update(ref _segments, segments =>
        segments.SetItem(port.Segment, segments.GetValueOrDefault(port.Segment, ImmutableDictionary<ulong, Port>.Empty).SetItem(port.Mac, port)));

    public void Remove(Port port) => ImmutableInterlocked.Update(ref _segments, segments =>
    {
        ImmutableDictionary<ulong, Port> left = segments[port.Segment].Remove(port.Mac);
        return left.IsEmpty ? segments.Remove(port.Segment) : segments.SetItem(port.Segment, left);
    });

    /// <summary>What a card has sent.</summary>
    public void FromCard(Port sender, ReadOnlySpan<byte> bytes)
    {
        if (!Frame.TryRead(bytes, out Frame frame) || frame.Source != sender.Mac) return;
        if (!_segments.TryGetValue(sender.Segment, out ImmutableDictionary<ulong, Port>? cards) || cards.GetValueOrDefault(sender.Mac) != sender) return;
        if (frame.Destination == s_server || frame.IsForGroup) sender.ToServer(bytes);
        // Each card is answered by its own server: a tenant lends no addresses, and hears nobody ask.
        if (frame.IsDhcp) return;
        if (frame.IsForGroup)
        {
            foreach (Port other in cards.Values)
                if (other != sender) other.ToCard(bytes);
        }
        else if (cards.TryGetValue(frame.Destination, out Port? receiver) && receiver != sender)
        {
            receiver.ToCard(bytes);
        }
    }
}
