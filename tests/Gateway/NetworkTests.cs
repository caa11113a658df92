using Microsoft.AspNetCore.Builder;
using Osv.Contracts.Networks;
using Osv.Contracts.Node;
using Osv.Data;
using Osv.Data.Lifecycles;
using Osv.Data.Placements;
using Osv.Database.Testing;

namespace Osv.Gateway.Tests;

/// <summary>Tenants with network cards in a rack that has a switch start when their cards are in their project's network.</summary>
public sealed class NetworkTests(Plane plane) : IAsyncDisposable
{
    private const string Nic = "0000:01:00.0", Disk = "0000:02:00.0", BeingSetUp = "its network is being set up";
    private readonly string _folder = Directory.CreateTempSubdirectory("osv-net").FullName;
    private readonly string _rack = $"rack-{Guid.NewGuid():N}";
    private WebApplication _host = null!;
    private Machine _machine = null!;
    private AgentStream _stream = null!;
    private string _node = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Socket => Path.Combine(_folder, "switch.sock");

    /// <summary>A control plane that knows the switch, and a node of its rack whose agent is connected to it.</summary>
    private async Task ConnectAsync(string resync)
    {
        _host = await plane.StartAsync($"--Osv:Networks:Switches:{_rack}", Socket, $"--Osv:Networks:Resync={resync}");
        _machine = await Machine.EnrolledAsync(plane);
        await plane.Database.ExecuteAsync("UPDATE nodes SET rack = $2 WHERE id = $1", _machine.Node, _rack);
        _node = await plane.Database.QueryAsync<string>("SELECT name FROM nodes WHERE id = $1", _machine.Node);
        _stream = await _machine.ConnectAsync(Plane.GatewayOf(_host));
        await _stream.SayAsync(new AgentEnvelope { Inventory = _machine.Inventory() });
        await _stream.TakenAsync();
        await plane.ReadyAsync(_machine.Node);
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _machine.Dispose();
        await _host.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_tenant_is_held_until_its_card_is_in_the_network_of_its_project()
    {
        await using PlayedSwitch played = await PlayedSwitch.StartAsync(Socket);
        // Told because somebody waits, and for no other reason.
        await ConnectAsync("00:01:00");
        (Guid tenant, Guid project) = await TenantAsync(disks: 1);
        long fence = await plane.PlaceAsync(tenant, _machine.Node, [1], devices: [Nic, Disk]);
        (await HoldsAsync(hold => hold.Length == 0)).ShouldContain(BeingSetUp, "it was told so before it was told to start");
        (await played.ToldAsync(_node, ports => ports.Count > 0)).ShouldBe([new PortBinding(_node, Nic, project, fence)]);
        await ReleaseAsync(tenant, fence);

        // Another owner, another network: what the switch has said of the last one counts for nothing.
        (Guid next, Guid other) = await TenantAsync();
        long later = await plane.PlaceAsync(next, _machine.Node, [2], devices: Nic);
        later.ShouldBeGreaterThan(fence);
        (await HoldsAsync(hold => hold.Length == 0)).ShouldContain(BeingSetUp);
        (await played.ToldAsync(_node, ports => ports.Count > 0)).ShouldBe([new PortBinding(_node, Nic, other, later)]);
    }

    [Fact]
    public async Task What_keeps_a_card_from_being_plugged_in_is_said_and_it_is_tried_again()
    {
        await ConnectAsync("00:00:00.5");
        (Guid tenant, _) = await TenantAsync();
        long fence = await plane.PlaceAsync(tenant, _machine.Node, [1], devices: Nic);
        string away = (await HoldsAsync(hold => hold.Contains("switch", StringComparison.Ordinal)))[^1];
        away.ShouldBe($"its network card {Nic} is not plugged in: the switch of rack {_rack} does not answer: nobody listens there");
        await using (PlayedSwitch troubled = await PlayedSwitch.StartAsync(Socket, "the cable is short"))
        {
            await HoldsAsync(hold => hold == $"its network card {Nic} is not plugged in: the cable is short");
            troubled.Trouble = null;
            await HoldsAsync(hold => hold.Length == 0);
        }
        await using (PlayedSwitch again = await PlayedSwitch.StartAsync(Socket))
            (await again.ToldAsync(_node, ports => ports.Count > 0)).Single().Address.ShouldBe(Nic, "a switch that was started anew is told all of it");
        await ReleaseAsync(tenant, fence);
        await using PlayedSwitch last = await PlayedSwitch.StartAsync(Socket);
        await last.ToldAsync(_node, ports => ports.Count == 0);
    }

    [Fact]
    public async Task Who_has_no_card_or_is_in_a_rack_without_a_switch_waits_for_nobody()
    {
        await ConnectAsync("00:01:00");
        (Guid tenant, _) = await TenantAsync(nics: 0, disks: 1);
        await plane.PlaceAsync(tenant, _machine.Node, [1], devices: Disk);
        (await HoldsAsync(_ => true)).ShouldBe([string.Empty]);
        await plane.Database.ExecuteAsync("UPDATE nodes SET rack = 'another' WHERE id = $1", _machine.Node);
        (Guid carded, _) = await TenantAsync();
        await plane.PlaceAsync(carded, _machine.Node, [2], memoryOffset: 256 << 20, devices: Nic);
        (await _stream.UntilDesiredAsync(2)).Partitions.ShouldAllBe(partition => partition.Hold.Length == 0);
    }

    private async Task<(Guid Tenant, Guid Project)> TenantAsync(int nics = 1, int disks = 0)
    {
        Guid tenant = await plane.TenantAsync();
        await plane.Database.ExecuteAsync("UPDATE tenants SET nic_count = $2, disk_count = $3 WHERE id = $1", tenant, nics, disks);
        return (tenant, await plane.Database.QueryAsync<Guid>("SELECT project_id FROM tenants WHERE id = $1", tenant));
    }

    private async Task ReleaseAsync(Guid tenant, long fence)
    {
        await using OsvDbContext context = plane.Database.CreateContext();
        (await PlacementRelease.ReleaseAsync(context, tenant, fence, TenantState.Pending, "released by a test", TimeSpan.FromHours(1), Cancel)).ShouldBeTrue();
        while ((await _stream.DesiredAsync()).Partitions.Count > 0)
        {
            // What it was told meanwhile.
        }
    }

    /// <summary>All that the one tenant was held for, until what fits.</summary>
    private async Task<List<string>> HoldsAsync(Func<string, bool> fits)
    {
        var holds = new List<string>();
        while (holds.Count == 0 || !fits(holds[^1]))
        {
            if ((await _stream.DesiredAsync()).Partitions is [{ } only]) holds.Add(only.Hold);
        }
        return holds;
    }
}
