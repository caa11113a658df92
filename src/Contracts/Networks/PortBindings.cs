namespace Osv.Contracts.Networks;

/// <summary>Which cards of a rack's nodes stand in which segment: all of them, each time. A card that is not named stands in none.</summary>
/// <param name="Ports">At most one of a card.</param>
public sealed record PortBindings(IReadOnlyList<PortBinding> Ports)
{
    /// <summary>Where a rack's switch takes them: PUT, JSON, over its Unix socket; answered with <see cref="PortStates"/> when all is done.</summary>
    public const string Path = "/v1/ports";
}

/// <summary>A card and the network it is to be in.</summary>
/// <param name="Node">Name of the node.</param>
/// <param name="Address">PCI address of the card there, as in 0000:01:01.0.</param>
/// <param name="Segment">The layer-2 network: one of each project, and the project's id.</param>
/// <param name="Fence">Of the placement that owns the card. Grows with each owner: what names a lower one is late and changes nothing.</param>
public sealed record PortBinding(string Node, string Address, Guid Segment, long Fence);

/// <summary>What became of <see cref="PortBindings"/>, in their order.</summary>
public sealed record PortStates(IReadOnlyList<PortState> Ports);

/// <param name="Trouble">Why the card does not stand in the segment; null: it does.</param>
/// <inheritdoc cref="PortBinding"/>
public sealed record PortState(string Node, string Address, long Fence, string? Trouble);
