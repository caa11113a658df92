using System.Collections.Frozen;
using Microsoft.Extensions.Options;

namespace Osv.Web.Networks;

/// <summary>The racks that have a switch.</summary>
internal sealed class RackNetworks(IOptions<NetworkOptions> options)
{
    private readonly FrozenDictionary<string, RackNetwork> _racks = options.Value.Switches.Select(entry => new RackNetwork(entry.Key, entry.Value)).ToFrozenDictionary(network => network.Rack, StringComparer.Ordinal);

    public IReadOnlyCollection<RackNetwork> All => _racks.Values;

    /// <inheritdoc cref="RackNetwork.HoldOf"/>
    public string? HoldOf(string rack, Guid node, IEnumerable<string> cards, long fence) => _racks.TryGetValue(rack, out RackNetwork? network) ? network.HoldOf(node, cards, fence) : null;
}
