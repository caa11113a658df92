using Osv.Rack;

namespace Osv.Switch;

/// <summary>A tenants' card while it stands in a segment, and the server that answers it alone.</summary>
internal sealed class Port(Cable cable, Guid segment) : IAsyncDisposable
{
    private readonly Wire _card = new(cable.Card);
    private readonly Wire _server = new(cable.Server);

    public Guid Segment => segment;

    public ulong Mac { get; } = Frame.Address(cable.Mac);

    public void Start(Segments segments)
    {
        _card.Start(frame => segments.FromCard(this, frame));
        _server.Start(ToCard);
    }

    public void ToCard(ReadOnlySpan<byte> frame) => _card.Send(frame);

    public void ToServer(ReadOnlySpan<byte> frame) => _server.Send(frame);

    public async ValueTask DisposeAsync()
    {
        await _card.DisposeAsync().ConfigureAwait(false);
        await _server.DisposeAsync().ConfigureAwait(false);
    }
}
