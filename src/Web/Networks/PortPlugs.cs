using System.Collections.Frozen;
using Microsoft.Extensions.Options;
using Npgsql;
using Osv.Contracts.Networks;
using Osv.Web.Gateway;

namespace Osv.Web.Networks;

/// <summary>
/// Tells the switch of each rack which card is in which project's segment: at once when a tenant waits for it, and all of it again every now and then. What came of it
/// decides whether tenants may start, so their nodes are told.
/// </summary>
internal sealed class PortPlugs(NpgsqlDataSource source, RackNetworks networks, DesiredPush push, IOptions<NetworkOptions> options, TimeProvider time, ILogger<PortPlugs> log) : BackgroundService
{
    private const string Owned =
        """
        SELECT n.id, n.name, a.pci_address, t.project_id, p.fence
        FROM nodes n JOIN device_allocations a ON a.node_id = n.id JOIN node_devices h ON h.node_id = a.node_id AND h.pci_address = a.pci_address
            JOIN placements p ON p.tenant_id = a.tenant_id JOIN tenants t ON t.id = a.tenant_id
        WHERE n.rack = $1 AND h.kind = 'Nic' ORDER BY n.name, a.pci_address
        """;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(networks.All.Select(rack => TendAsync(rack, stoppingToken)));

    private async Task TendAsync(RackNetwork rack, CancellationToken cancel)
    {
        using var client = new SwitchClient(rack.Socket);
        string? trouble = null;
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                string? now = await BindAsync(rack, client, cancel);
                if (now != trouble && now is not null) log.SwitchAway(rack.Rack, rack.Socket, now);
                if (now is null && trouble is not null) log.SwitchBack(rack.Rack);
                trouble = now;
                await WakeAsync(rack, cancel);
            }
            catch (Exception error) when (error is NpgsqlException or TimeoutException)
            {
                log.CardsUnread(rack.Rack, error);
                await Task.Delay(options.Value.Resync, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>Returns when somebody waits, or it is time to tell everything again.</summary>
    private async Task WakeAsync(RackNetwork rack, CancellationToken cancel)
    {
        using var resync = new CancellationTokenSource(options.Value.Resync, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(resync.Token, cancel);
        try
        {
            await rack.Wake.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            // It is time.
        }
    }

    /// <summary>What is wrong with the switch; null: nothing.</summary>
    private async Task<string?> BindAsync(RackNetwork rack, SwitchClient client, CancellationToken cancel)
    {
        List<(Card Card, PortBinding Binding)> owned = await ReadAsync(rack.Rack, cancel);
        IEnumerable<string?> troubles;
        string? away = null;
        try
        {
            PortStates states = await client.BindAsync(new PortBindings([.. owned.Select(one => one.Binding)]), cancel);
            troubles = states.Ports.Select(state => state.Trouble);
        }
        catch (SwitchException error)
        {
            away = error.Message;
            troubles = owned.Select(_ => $"the switch of rack {rack.Rack} does not answer: {away}");
        }
        FrozenDictionary<Card, Plug> before = rack.Plugs;
        rack.Plugs = owned.Zip(troubles, (one, trouble) => KeyValuePair.Create(one.Card, new Plug(one.Binding.Fence, trouble))).ToFrozenDictionary();
        foreach (Guid node in rack.Plugs.Where(plug => before.GetValueOrDefault(plug.Key) != plug.Value).Select(plug => plug.Key.Node).Distinct()) push.Ask(node);
        return away;
    }

    private async Task<List<(Card, PortBinding)>> ReadAsync(string rack, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(Owned);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = rack });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        var owned = new List<(Card, PortBinding)>();
        while (await row.ReadAsync(cancel)) owned.Add((new Card(row.GetGuid(0), row.GetString(2)), new PortBinding(row.GetString(1), row.GetString(2), row.GetGuid(3), row.GetInt64(4))));
        return owned;
    }
}
