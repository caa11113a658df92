using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Npgsql;
using Osv.Contracts.Node;

namespace Osv.Gateway.Tests;

/// <summary>Numbers both ways, streams that are cut, and whose stream counts.</summary>
public sealed class SessionTests(Plane plane)
{
    [Fact]
    public async Task What_is_sent_again_after_a_cut_is_taken_once()
    {
        using Machine machine = await Machine.EnrolledAsync(plane);
        AgentStream first = await machine.ConnectAsync(plane.Gateway);
        for (ulong number = 1; number <= 5; number++) await first.SayAsync(Event(machine, number));
        await first.TakenAsync();
        await first.DisposeAsync();
        await using AgentStream second = await machine.ConnectAsync(plane.Gateway, resumes: first);
        second.Acknowledged.ShouldBe(5ul);
        // The agent did not hear the last acknowledgements: it sends numbers 3 to 5 once more, then goes on.
        for (ulong number = 3; number <= 5; number++)
        {
            AgentEnvelope again = Event(machine, 100 + number);
            again.Sequence = number;
            await second.WriteAsync(again);
        }
        for (ulong number = 6; number <= 8; number++) await second.SayAsync(Event(machine, number));
        await second.TakenAsync();
        (await plane.Database.ListAsync<long>("SELECT number FROM partition_events WHERE node_id = $1 ORDER BY number", machine.Node)).ShouldBe([1, 2, 3, 4, 5, 6, 7, 8]);
    }

    [Fact]
    public async Task What_the_agent_did_not_acknowledge_comes_again_in_order()
    {
        (Machine machine, AgentStream first) = await Machine.ReadyAsync(plane);
        using Machine _ = machine;
        Guid tenant = await plane.TenantAsync();
        await plane.PlaceAsync(tenant, machine.Node, [1]);
        DesiredState placed = await first.DesiredAsync();
        while (placed.Partitions.Count == 0) placed = await first.DesiredAsync();
        await first.DisposeAsync();
        // As if the last message had been lost with the stream.
        first.Came.RemoveAt(first.Came.Count - 1);
        first.Received--;
        await using AgentStream second = await machine.ConnectAsync(plane.Gateway, resumes: first);
        (await second.DesiredAsync()).ShouldBe(placed);
    }

    [Fact]
    public async Task A_session_that_goes_on_is_not_told_again_what_it_knows()
    {
        (Machine machine, AgentStream first) = await Machine.ReadyAsync(plane);
        using Machine _ = machine;
        await first.DisposeAsync();
        await using AgentStream second = await machine.ConnectAsync(plane.Gateway, resumes: first);
        await second.SayAsync(new AgentEnvelope { Heartbeat = new Heartbeat() });
        await second.TakenAsync();
        ulong before = second.Received;
        Guid tenant = await plane.TenantAsync();
        await plane.PlaceAsync(tenant, machine.Node, [1]);
        (await second.DesiredAsync()).Partitions.ShouldHaveSingleItem();
        second.Received.ShouldBe(before + 1);
    }

    [Fact]
    public async Task An_agent_that_waits_for_a_word_after_its_lease_is_told_again()
    {
        (Machine machine, AgentStream first) = await Machine.ReadyAsync(plane);
        using Machine _ = machine;
        DesiredState known = (await first.UntilDesiredAsync(0));
        await first.DisposeAsync();
        await using AgentStream second = await AgentStream.OpenAsync(machine, plane.Gateway, resumes: first, desired: 0);
        DesiredState again = await second.DesiredAsync();
        again.Revision.ShouldBeGreaterThan(known.Revision);
        again.Partitions.ShouldBe(known.Partitions);
    }

    [Fact]
    public async Task A_new_session_goes_on_from_positions()
    {
        using Machine machine = await Machine.EnrolledAsync(plane);
        await using (AgentStream first = await machine.ConnectAsync(plane.Gateway))
        {
            for (ulong number = 1; number <= 3; number++) await first.SayAsync(Event(machine, number));
            await first.TakenAsync();
        }
        await using (AgentStream second = await machine.ConnectAsync(plane.Gateway)) second.Welcome.EventsKnown.ShouldBe(3ul);
        machine.BootId = Guid.NewGuid().ToString("N");
        await using AgentStream rebooted = await machine.ConnectAsync(plane.Gateway);
        rebooted.Welcome.EventsKnown.ShouldBe(0ul);
        await rebooted.SayAsync(Event(machine, 1));
        await rebooted.TakenAsync();
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM partition_events WHERE node_id = $1", machine.Node)).ShouldBe(4);
    }

    [Fact]
    public async Task The_newer_connection_of_a_node_takes_over()
    {
        using Machine machine = await Machine.EnrolledAsync(plane);
        await using AgentStream first = await machine.ConnectAsync(plane.Gateway);
        await first.SayAsync(Event(machine, 1));
        await first.TakenAsync();
        await using AgentStream second = await machine.ConnectAsync(plane.Gateway, resumes: first);
        (await first.EndAsync()).ShouldBe(StatusCode.Aborted);
        await second.SayAsync(Event(machine, 2));
        await second.TakenAsync();
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM partition_events WHERE node_id = $1", machine.Node)).ShouldBe(2);
    }

    [Fact]
    public async Task Another_replica_does_not_know_the_session_and_takes_over_with_a_new_one()
    {
        await using WebApplication other = await plane.StartAsync();
        (Machine machine, AgentStream first) = await Machine.ReadyAsync(plane);
        using Machine _ = machine;
        await using AgentStream __ = first;
        (await Should.ThrowAsync<RpcException>(() => machine.ConnectAsync(Plane.GatewayOf(other), resumes: first))).StatusCode.ShouldBe(StatusCode.FailedPrecondition);
        await using AgentStream second = await machine.ConnectAsync(Plane.GatewayOf(other));
        (await first.EndAsync()).ShouldBe(StatusCode.Aborted);
        // And what changes reaches the node there, whoever wrote it.
        await second.DesiredAsync();
        Guid tenant = await plane.TenantAsync();
        await plane.PlaceAsync(tenant, machine.Node, [1]);
        (await second.DesiredAsync()).Partitions.ShouldHaveSingleItem().TenantId.ShouldBe(tenant.ToString());
        await other.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Streams_that_break_the_rules_are_ended()
    {
        using Machine machine = await Machine.EnrolledAsync(plane);
        foreach (Func<AgentStream, Task> breach in (Func<AgentStream, Task>[])
        [
            stream => stream.WriteAsync(new AgentEnvelope { Sequence = 2, Heartbeat = new Heartbeat() }),
            stream => stream.WriteAsync(new AgentEnvelope { Heartbeat = new Heartbeat() }),
            stream => stream.WriteAsync(new AgentEnvelope { Acknowledged = 99 }),
        ])
        {
            await using AgentStream stream = await machine.ConnectAsync(plane.Gateway);
            await breach(stream);
            (await stream.EndAsync()).ShouldBe(StatusCode.InvalidArgument);
        }
        await using AgentStream large = await machine.ConnectAsync(plane.Gateway);
        // The control plane hangs up while it is still being sent.
        await Task.WhenAny(large.SayAsync(new AgentEnvelope { Log = new LogLine { Number = 1, Message = new string('x', 2 << 20) } }));
        (await large.EndAsync()).ShouldBe(StatusCode.ResourceExhausted);
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM agent_log_lines WHERE node_id = $1", machine.Node)).ShouldBe(0);
    }

    [Fact]
    public async Task No_word_goes_to_a_node_whose_heartbeats_cannot_be_stored()
    {
        await using WebApplication host = await plane.StartAsync("--Osv:Gateway:HeartbeatSeconds=1", "--Osv:Gateway:LeaseSeconds=3");
        using Machine machine = await Machine.EnrolledAsync(plane);
        await using AgentStream stream = await machine.ConnectAsync(Plane.GatewayOf(host));
        await stream.SayAsync(new AgentEnvelope { Heartbeat = new Heartbeat() });
        await stream.TakenAsync();
        await using (NpgsqlConnection blocker = await plane.Database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken))
        {
            await using NpgsqlTransaction transaction = await blocker.BeginTransactionAsync(TestContext.Current.CancellationToken);
            await using (var hold = new NpgsqlCommand("SELECT FROM node_heartbeats WHERE node_id = $1 FOR UPDATE", blocker) { Parameters = { new NpgsqlParameter<Guid> { TypedValue = machine.Node } } }) await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
            // The slack of three heartbeats runs out; from then on nothing may be said.
            await Task.Delay(TimeSpan.FromSeconds(4), TestContext.Current.CancellationToken);
            await stream.SayAsync(Event(machine, 1));
            await plane.UntilAsync("SELECT count(*) FROM partition_events WHERE node_id = $1", 1L, machine.Node);
            Task<ControlEnvelope> word = stream.NextAsync();
            (await Task.WhenAny(word, Task.Delay(TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken))).ShouldNotBe(word, "the node would think that its lease goes on");
            await transaction.RollbackAsync(TestContext.Current.CancellationToken);
            await stream.SayAsync(new AgentEnvelope { Heartbeat = new Heartbeat() });
            await word;
        }
        await stream.TakenAsync();
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_heartbeat_is_stored_before_the_first_word()
    {
        using Machine machine = await Machine.EnrolledAsync(plane);
        await using AgentStream stream = await machine.ConnectAsync(plane.Gateway);
        (await plane.Database.QueryAsync<bool>("SELECT lease_expires_at > clock_timestamp() + interval '60 s' FROM node_heartbeats WHERE node_id = $1", machine.Node)).ShouldBeTrue();
    }

    private static AgentEnvelope Event(Machine machine, ulong number) =>
        new() { Event = new PartitionEvent { Number = number, BootId = machine.BootId, Kind = EventKind.Started, Cause = "Requested", TimeUnixMs = (ulong)DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() } };
}
