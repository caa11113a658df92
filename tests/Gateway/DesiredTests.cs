using Microsoft.Extensions.DependencyInjection;
using Osv.Contracts.Node;
using Osv.Web.Consoles;

namespace Osv.Gateway.Tests;

/// <summary>What nodes are told, and when they are told nothing.</summary>
public sealed class DesiredTests(Plane plane)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_change_of_what_is_wanted_reaches_the_node()
    {
        (Machine machine, AgentStream stream) = await Machine.ReadyAsync(plane);
        using Machine _ = machine;
        await using AgentStream __ = stream;
        Guid tenant = await plane.TenantAsync(cores: 2, runsOn: true);
        await plane.PlaceAsync(tenant, machine.Node, [4, 5]);
        DesiredPartition partition = (await stream.UntilDesiredAsync(1)).Partitions[0];
        partition.Lease.ShouldBe(LeasePolicy.RunOn);
        partition.StartGeneration.ShouldBe(0ul);
        await plane.Database.ExecuteAsync("UPDATE tenant_desired SET reboots = 1 WHERE tenant_id = $1", tenant);
        (await stream.DesiredAsync()).Partitions[0].StartGeneration.ShouldBe(1ul);
        await plane.Database.ExecuteAsync("UPDATE tenants SET ssh_key = 'a' || chr(10) || 'b' WHERE id = $1", tenant);
        (await stream.DesiredAsync()).Partitions[0].CloudInit.SshAuthorizedKeys.ShouldBe(["a", "b"]);
        await plane.Database.ExecuteAsync("UPDATE tenant_desired SET intent = 'Stop' WHERE tenant_id = $1", tenant);
        (await stream.DesiredAsync()).Partitions.ShouldBeEmpty();
        await plane.Database.ExecuteAsync("UPDATE tenant_desired SET intent = 'Run' WHERE tenant_id = $1", tenant);
        (await stream.DesiredAsync()).Partitions.ShouldHaveSingleItem();
        // It moves: its intent is still to run.
        await plane.MoveTenantAsync(tenant, "Loading", "Starting", "Running", "Stopping");
        (await stream.DesiredAsync()).Partitions.ShouldBeEmpty();
        stream.Came.Where(one => one.Desired is not null).Select(one => one.Desired.Revision).ShouldBeInOrder();
    }

    [Fact]
    public async Task A_node_that_is_lost_is_told_nothing_until_the_scheduler_has_taken_it_back()
    {
        (Machine machine, AgentStream stream) = await Machine.ReadyAsync(plane);
        using Machine _ = machine;
        await stream.UntilDesiredAsync(0);
        await plane.MoveNodeAsync(machine.Node, "Lost");
        Guid tenant = await plane.TenantAsync();
        await stream.DisposeAsync();
        await using AgentStream back = await machine.ConnectAsync(plane.Gateway);
        await back.SayAsync(new AgentEnvelope { Inventory = machine.Inventory() });
        await back.SayAsync(new AgentEnvelope { Heartbeat = new Heartbeat() });
        await back.TakenAsync();
        back.Came.ShouldBeEmpty();
        await plane.MoveNodeAsync(machine.Node, "Ready");
        await plane.PlaceAsync(tenant, machine.Node, [1]);
        (await back.UntilDesiredAsync(1)).Partitions.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_node_that_boots_again_is_told_nothing_before_that_was_seen()
    {
        (Machine machine, AgentStream stream) = await Machine.ReadyAsync(plane);
        using Machine _ = machine;
        // The script alone says nothing: whoever knows the machine's numbers can ask for it.
        await machine.BootAsync(plane.Netboot);
        await stream.SayAsync(new AgentEnvelope { Inventory = machine.Inventory() });
        Guid tenant = await plane.TenantAsync();
        await plane.PlaceAsync(tenant, machine.Node, [1]);
        (await stream.UntilDesiredAsync(1)).Partitions.ShouldHaveSingleItem();
        await stream.DisposeAsync();
        await using (AgentStream again = await machine.ConnectAsync(plane.Gateway)) (await again.UntilDesiredAsync(1)).Partitions.ShouldHaveSingleItem();
        machine.BootId = Guid.NewGuid().ToString("N");
        await machine.EnrolAsync(plane.Gateway);
        await using AgentStream booted = await machine.ConnectAsync(plane.Gateway);
        await booted.SayAsync(new AgentEnvelope { Inventory = machine.Inventory() });
        await booted.TakenAsync();
        booted.Came.ShouldBeEmpty();
        await plane.MoveNodeAsync(machine.Node, "Lost", "Ready");
        (await booted.UntilDesiredAsync(1)).Partitions.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task An_order_is_sent_once_and_never_late()
    {
        (Machine machine, AgentStream stream) = await Machine.ReadyAsync(plane);
        using Machine _ = machine;
        await using AgentStream __ = stream;
        Guid late = await OrderAsync(machine, "PowerOff", "-1 s"), order = await OrderAsync(machine, "Reset", "1 min");
        (await stream.UntilAsync(ControlEnvelope.BodyOneofCase.Command)).Command.Reset.ShouldBeTrue();
        (await plane.Database.QueryAsync<bool>("SELECT sent_at IS NOT NULL FROM node_commands WHERE id = $1", order)).ShouldBeTrue();
        (await plane.Database.QueryAsync<bool>("SELECT sent_at IS NULL FROM node_commands WHERE id = $1", late)).ShouldBeTrue();
        await OrderAsync(machine, "PowerOff", "1 min");
        (await stream.UntilAsync(ControlEnvelope.BodyOneofCase.Command)).Command.PowerOff.ShouldBeTrue();
        stream.Came.Count(one => one.Command is not null).ShouldBe(2);
    }

    [Fact]
    public async Task What_is_typed_goes_to_the_node_of_the_tenant()
    {
        (Machine machine, AgentStream stream) = await Machine.ReadyAsync(plane);
        using Machine _ = machine;
        await using AgentStream __ = stream;
        Guid tenant = await plane.TenantAsync(), elsewhere = await plane.TenantAsync();
        await plane.PlaceAsync(tenant, machine.Node, [1]);
        await stream.UntilDesiredAsync(1);
        var transport = plane.Host.Services.GetRequiredService<IConsoleTransport>();
        (await transport.TrySendAsync(tenant, "ls\n"u8.ToArray(), Cancel)).ShouldBeTrue();
        ConsoleInput typed = (await stream.UntilAsync(ControlEnvelope.BodyOneofCase.Console)).Console;
        typed.TenantId.ShouldBe(tenant.ToString());
        typed.Data.ToStringUtf8().ShouldBe("ls\n");
        (await transport.TrySendAsync(elsewhere, "ls\n"u8.ToArray(), Cancel)).ShouldBeFalse();
        await stream.DisposeAsync();
        await plane.UntilAsync("SELECT disconnected_at IS NOT NULL FROM node_connections WHERE node_id = $1", true, machine.Node);
        (await transport.TrySendAsync(tenant, "ls\n"u8.ToArray(), Cancel)).ShouldBeFalse();
    }

    private async Task<Guid> OrderAsync(Machine machine, string kind, string within)
    {
        var id = Guid.CreateVersion7();
        await plane.Database.ExecuteAsync($"INSERT INTO node_commands (id, node_id, kind, requested_by, requested_at, expires_at) VALUES ($1, $2, $3, 'operator', clock_timestamp(), clock_timestamp() + interval '{within}')", id, machine.Node, kind);
        return id;
    }
}
