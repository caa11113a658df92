using System.Net.Sockets;
using Osv.Contracts.Networks;
using Osv.Rack;

namespace Osv.Switch;

/// <summary>
/// Plugs cards into segments as it is told. A card's cable is pulled between two owners, so that nothing of the former's network reaches the next. What was plugged by
/// an earlier switch, or into a machine that has been switched on anew, is plugged again.
/// </summary>
internal sealed class PatchPanel(VirtualRack rack, ILogger<PatchPanel> log) : IAsyncDisposable
{
    private readonly Segments _segments = new();
    private readonly Dictionary<Card, Plugged> _plugged = [];
    private readonly Dictionary<Card, long> _fences = [];
    private readonly Dictionary<Card, string> _troubles = [];
    private readonly SemaphoreSlim _one = new(1);

    private readonly record struct Card(string Node, string Address)
    {
        public Card(PortBinding binding)
            : this(binding.Node, binding.Address)
        {
        }
    }

    private sealed record Plugged(Port Port, long Fence, int Process);

    /// <exception cref="ArgumentException">A card is named twice; nothing was done.</exception>
    public async Task<PortStates> ApplyAsync(PortBindings wanted, CancellationToken cancel)
    {
        var named = new HashSet<Card>();
        if (wanted.Ports.FirstOrDefault(binding => !named.Add(new Card(binding))) is { } twice) throw new ArgumentException($"card {twice.Address} of node {twice.Node} is named twice");
        await _one.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            Dictionary<string, VirtualNode> nodes = rack.Nodes.ToDictionary(node => node.Shape.Name, StringComparer.Ordinal);
            foreach (Card card in _plugged.Keys.Except(named).ToList())
                await TryAsync(card, () => UnplugAsync(card, nodes.GetValueOrDefault(card.Node), cancel)).ConfigureAwait(false);
            var states = new List<PortState>(wanted.Ports.Count);
            foreach (PortBinding binding in wanted.Ports)
            {
                string? trouble = await TryAsync(new Card(binding), () => PlugAsync(binding, nodes.GetValueOrDefault(binding.Node), cancel)).ConfigureAwait(false);
                states.Add(new PortState(binding.Node, binding.Address, binding.Fence, trouble));
            }
            return new PortStates(states);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>What went wrong; null: nothing. It is logged when it is new.</summary>
    private async Task<string?> TryAsync(Card card, Func<Task> change)
    {
        try
        {
            await change().ConfigureAwait(false);
            _troubles.Remove(card);
            return null;
        }
        catch (Exception error) when (error is RackException or SocketException or IOException)
        {
            if (_troubles.GetValueOrDefault(card) != error.Message) log.Failed(card.Node, card.Address, error.Message);
            return _troubles[card] = error.Message;
        }
    }

    private async Task PlugAsync(PortBinding binding, VirtualNode? node, CancellationToken cancel)
    {
        var card = new Card(binding);
        if (node is null) throw new RackException($"the rack has no node named {binding.Node}");
        Cable cable = node.CableAt(binding.Address) ?? throw new RackException($"node {binding.Node} has no network card for tenants at {binding.Address}");
        if (_fences.TryGetValue(card, out long last) && binding.Fence < last) throw new RackException($"card {binding.Address} of node {binding.Node} belongs to placement {last}: {binding.Fence} is over");
        int process = node.ProcessId ?? throw new RackException($"node {binding.Node} is off");
        if (_plugged.TryGetValue(card, out Plugged? there) && there.Fence == binding.Fence && there.Process == process && there.Port.Segment == binding.Segment) return;
        await UnplugAsync(card, node, cancel).ConfigureAwait(false);
        _fences[card] = binding.Fence;
        var port = new Port(cable, binding.Segment);
        try
        {
            await node.PlugAsync(binding.Address, cancel).ConfigureAwait(false);
        }
        catch
        {
            await port.DisposeAsync().ConfigureAwait(false);
            throw;
        }
        _segments.Add(port);
        port.Start(_segments);
        _plugged[card] = new Plugged(port, binding.Fence, process);
        log.Plugged(binding.Node, binding.Address, binding.Segment, binding.Fence);
    }

    private async Task UnplugAsync(Card card, VirtualNode? node, CancellationToken cancel)
    {
        if (!_plugged.Remove(card, out Plugged? there)) return;
        _segments.Remove(there.Port);
        await there.Port.DisposeAsync().ConfigureAwait(false);
        log.Unplugged(card.Node, card.Address);
        // A machine that was switched off since has forgotten its cables.
        if (node?.ProcessId == there.Process) await node.UnplugAsync(card.Address, cancel).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Plugged there in _plugged.Values) await there.Port.DisposeAsync().ConfigureAwait(false);
        _one.Dispose();
    }
}
