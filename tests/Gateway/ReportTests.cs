using Google.Protobuf;
using Osv.Contracts.Node;

namespace Osv.Gateway.Tests;

/// <summary>What becomes of what agents say, and what does not.</summary>
public sealed class ReportTests(Plane plane)
{
    [Fact]
    public async Task A_place_is_given_back_only_on_a_report_made_after_the_lifecycle_came_into_Stopping()
    {
        (Machine machine, AgentStream stream, Guid tenant, DesiredState running) = await PlacedAsync();
        using Machine _ = machine;
        await using AgentStream __ = stream;
        await ObserveAsync(stream, running.Revision, Seen(tenant, PartitionPhase.Running, 3));
        await plane.MoveTenantAsync(tenant, "Loading", "Starting", "Running");
        await plane.Database.ExecuteAsync("UPDATE tenant_desired SET intent = 'Stop' WHERE tenant_id = $1", tenant);
        DesiredState without = await stream.UntilDesiredAsync(0);
        await ObserveAsync(stream, without.Revision, Seen(tenant, PartitionPhase.Stopping, 3));
        (await StateAsync(tenant)).ShouldBe("Stopping");
        // It is gone, and nobody asked for that in the lifecycle yet.
        await ObserveAsync(stream, without.Revision);
        (await StateAsync(tenant)).ShouldBe("Stopping");
        await plane.MoveTenantAsync(tenant, "Stopping");
        DesiredState stopping = await stream.DesiredAsync();
        stopping.Revision.ShouldBeGreaterThan(without.Revision);
        await ObserveAsync(stream, without.Revision);
        (await StateAsync(tenant)).ShouldBe("Stopping");
        await ObserveAsync(stream, stopping.Revision);
        (await StateAsync(tenant)).ShouldBe("Absent");
    }

    [Fact]
    public async Task A_report_of_an_earlier_placement_does_not_speak_for_the_present_one()
    {
        (Machine machine, AgentStream stream, Guid tenant, DesiredState before) = await PlacedAsync();
        using Machine _ = machine;
        await using AgentStream __ = stream;
        await plane.Database.ExecuteAsync("DELETE FROM placements WHERE tenant_id = $1", tenant);
        await plane.MoveTenantAsync(tenant, "Pending");
        await stream.UntilDesiredAsync(0);
        long fence = await plane.PlaceAsync(tenant, machine.Node, [2]);
        DesiredState after = await stream.UntilDesiredAsync(1);
        await ObserveAsync(stream, before.Revision, Seen(tenant, PartitionPhase.Running, 3));
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM tenant_observed WHERE tenant_id = $1", tenant)).ShouldBe(0);
        await ObserveAsync(stream, after.Revision, Seen(tenant, PartitionPhase.Loading, 3));
        (await plane.Database.QueryAsync<long>("SELECT fence FROM tenant_observed WHERE tenant_id = $1", tenant)).ShouldBe(fence);
    }

    [Fact]
    public async Task Ends_restarts_and_refusals_come_with_their_cause()
    {
        (Machine machine, AgentStream stream, Guid tenant, DesiredState desired) = await PlacedAsync();
        using Machine _ = machine;
        await using AgentStream __ = stream;
        const string row = "SELECT partition_state || ' ' || coalesce(end_cause, '-') || ' ' || restarts || ' ' || coalesce(last_end, '-') || ' ' || restarts_followed FROM tenant_observed WHERE tenant_id = $1";
        ObservedPartition seen = Seen(tenant, PartitionPhase.Running, 3);
        (seen.Restarts, seen.LastEnd) = (2, "Reset");
        await ObserveAsync(stream, desired.Revision, seen);
        (await plane.Database.QueryAsync<string>(row, tenant)).ShouldBe("Running - 2 Reset 0");
        await plane.Database.ExecuteAsync("UPDATE tenant_observed SET restarts_followed = 2 WHERE tenant_id = $1", tenant);
        (seen.Phase, seen.LastEnd) = (PartitionPhase.Stopped, "PowerOff");
        await ObserveAsync(stream, desired.Revision, seen);
        (await plane.Database.QueryAsync<string>(row, tenant)).ShouldBe("Stopped PowerOff 2 PowerOff 2");
        foreach (PartitionPhase phase in new[] { PartitionPhase.Refused, PartitionPhase.Invalid })
        {
            ObservedPartition refused = Seen(tenant, phase, 0);
            refused.Reason = "the image is not a bzImage";
            await ObserveAsync(stream, desired.Revision, refused);
            (await plane.Database.QueryAsync<string>(row, tenant)).ShouldBe($"{phase} the image is not a bzImage 0 - 0");
        }
    }

    [Fact]
    public async Task Reboots_count_from_the_first_report_of_a_place_on()
    {
        (Machine machine, AgentStream stream, Guid tenant, DesiredState desired) = await PlacedAsync();
        using Machine _ = machine;
        await using AgentStream __ = stream;
        (await RebootsAsync(desired, PartitionPhase.Running, 4)).ShouldBe("4 4");
        (await RebootsAsync(desired, PartitionPhase.Running, 5)).ShouldBe("5 4");
        await plane.Database.ExecuteAsync("UPDATE tenant_observed SET reboots_followed = 5 WHERE tenant_id = $1", tenant);
        (await RebootsAsync(desired, PartitionPhase.Refused, 0)).ShouldBe("0 5");
        await plane.Database.ExecuteAsync("DELETE FROM placements WHERE tenant_id = $1", tenant);
        await plane.MoveTenantAsync(tenant, "Pending");
        await stream.UntilDesiredAsync(0);
        await plane.PlaceAsync(tenant, machine.Node, [1]);
        DesiredState next = await stream.UntilDesiredAsync(1);
        (await RebootsAsync(next, PartitionPhase.Running, 7)).ShouldBe("7 7");

        async Task<string> RebootsAsync(DesiredState of, PartitionPhase phase, uint generation)
        {
            ObservedPartition seen = Seen(tenant, phase, 3);
            seen.StartGeneration = generation;
            await ObserveAsync(stream, of.Revision, seen);
            return await plane.Database.QueryAsync<string>("SELECT reboots || ' ' || reboots_followed FROM tenant_observed WHERE tenant_id = $1", tenant);
        }
    }

    [Fact]
    public async Task A_node_cannot_speak_of_tenants_of_another_node()
    {
        (Machine owner, AgentStream owning, Guid tenant, DesiredState desired) = await PlacedAsync();
        (Machine stranger, AgentStream strange) = await Machine.ReadyAsync(plane);
        using Machine _ = owner, __ = stranger;
        await using AgentStream ___ = owning, ____ = strange;
        DesiredState own = await strange.UntilDesiredAsync(0);
        foreach (ulong revision in new[] { own.Revision, desired.Revision, 0ul })
        {
            ObservedPartition hung = Seen(tenant, PartitionPhase.Running, 3);
            hung.Cores.Add(new CoreSample { ApicId = 1, Health = CoreHealth.Hung });
            hung.Exits.Add(new ExitCount { Reason = "Icr", Count = 1 });
            await ObserveAsync(strange, revision, hung);
        }
        await strange.SayAsync(new AgentEnvelope { Console = new ConsoleOutput { TenantId = tenant.ToString(), Instance = 1, Data = ByteString.CopyFromUtf8("forged\n") } });
        await strange.SayAsync(Event(stranger, 1, tenant, EventKind.Panicked));
        await strange.TakenAsync();
        foreach (string table in new[] { "tenant_observed", "tenant_health_reports", "exit_samples", "console_chunks", "partition_events" }) (await plane.Database.QueryAsync<long>($"SELECT count(*) FROM {table} WHERE tenant_id = $1", tenant)).ShouldBe(0, table);
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM partition_events WHERE node_id = $1 AND tenant_id IS NULL", stranger.Node)).ShouldBe(1);
    }

    [Fact]
    public async Task Cores_that_stand_still_are_reported_until_they_move()
    {
        (Machine machine, AgentStream stream, Guid tenant, DesiredState desired) = await PlacedAsync();
        using Machine _ = machine;
        await using AgentStream __ = stream;
        const string report = "SELECT summary FROM tenant_health_reports WHERE tenant_id = $1 AND source = 'core-progress'";
        ObservedPartition seen = Seen(tenant, PartitionPhase.Running, 3);
        seen.Cores.Add(new CoreSample { ApicId = 1, Rip = 0xffffffff81000000, Health = CoreHealth.Hung });
        await ObserveAsync(stream, desired.Revision, seen);
        (await plane.Database.QueryAsync<string>(report, tenant)).ShouldBe("core 1 stands at 0xffffffff81000000 with interrupts off");
        seen.Cores[0].Health = CoreHealth.Busy;
        await ObserveAsync(stream, desired.Revision, seen);
        (await plane.Database.ListAsync<string>(report, tenant)).ShouldBeEmpty();
        await stream.SayAsync(Event(machine, 1, tenant, EventKind.Hung));
        await stream.TakenAsync();
        (await plane.Database.QueryAsync<string>(report, tenant)).ShouldContain("makes no progress");
    }

    [Fact]
    public async Task What_the_monitor_records_is_kept_once_and_shows_in_the_health()
    {
        (Machine machine, AgentStream stream, Guid tenant, DesiredState _) = await PlacedAsync();
        using Machine __ = machine;
        await using AgentStream ___ = stream;
        ulong number = 0;
        foreach (EventKind kind in new[] { EventKind.Started, EventKind.Panicked, EventKind.Violation, EventKind.Failed, EventKind.Stopped }) await stream.SayAsync(Event(machine, ++number, tenant, kind));
        await stream.SayAsync(Event(machine, ++number, null, EventKind.ManagementRestarted));
        await stream.SayAsync(new AgentEnvelope { Console = new ConsoleOutput { TenantId = tenant.ToString(), Instance = 1, Data = ByteString.CopyFromUtf8("[ 1.0] Kernel panic - not syn") } });
        await stream.SayAsync(new AgentEnvelope { Console = new ConsoleOutput { TenantId = tenant.ToString(), Instance = 1, Offset = 29, Data = ByteString.CopyFromUtf8("cing: VFS: unable to mount root\n") } });
        await stream.TakenAsync();
        (await plane.Database.ListAsync<string>("SELECT kind FROM partition_events WHERE tenant_id = $1 ORDER BY number", tenant)).ShouldBe(["Started", "Panicked", "Violation", "Failed", "Stopped"]);
        (await plane.Database.ListAsync<string>("SELECT source FROM tenant_health_reports WHERE tenant_id = $1 ORDER BY source", tenant)).ShouldBe(["console", "end", "panic", "triple-fault", "violation"]);
        (await plane.Database.QueryAsync<string>("SELECT summary FROM tenant_health_reports WHERE tenant_id = $1 AND source = 'console'", tenant)).ShouldContain("unable to mount root");
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM node_health_reports WHERE node_id = $1 AND source = 'management-restart'", machine.Node)).ShouldBe(1);
        // A new process of the agent tells again what it does not know to be known.
        await using AgentStream second = await machine.ConnectAsync(plane.Gateway);
        second.Welcome.EventsKnown.ShouldBe(6ul);
        second.Welcome.Consoles.ShouldHaveSingleItem().Offset.ShouldBe(61ul);
        await second.SayAsync(Event(machine, 2, tenant, EventKind.Panicked));
        await second.TakenAsync();
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM partition_events WHERE node_id = $1", machine.Node)).ShouldBe(6);
    }

    [Fact]
    public async Task Log_lines_of_agents_are_kept_and_cut()
    {
        using Machine machine = await Machine.EnrolledAsync(plane);
        await using AgentStream stream = await machine.ConnectAsync(plane.Gateway);
        ulong now = (ulong)DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        await stream.SayAsync(new AgentEnvelope { Log = new LogLine { Number = 1, TimeUnixMs = now, Level = "warn", Category = "images", Message = "broke off\0" } });
        await stream.SayAsync(new AgentEnvelope { Log = new LogLine { Number = 1, TimeUnixMs = now, Level = "warn", Category = "images", Message = "the same again" } });
        await stream.SayAsync(new AgentEnvelope { Log = new LogLine { Number = 2, TimeUnixMs = now, Level = "shout", Category = new string('c', 100_000), Message = new string('m', 100_000) } });
        await stream.TakenAsync();
        (await plane.Database.ListAsync<string>("SELECT level || ' ' || left(message, 10) || ' ' || length(message) FROM agent_log_lines WHERE node_id = $1 ORDER BY number", machine.Node)).ShouldBe(["warn broke off\uFFFD 10", "info mmmmmmmmmm 4099"]);
    }

    [Fact]
    public async Task Inventories_that_cannot_be_change_nothing()
    {
        (Machine machine, AgentStream stream) = await Machine.ReadyAsync(plane);
        using Machine _ = machine;
        await using AgentStream __ = stream;
        foreach (Action<Inventory> change in (Action<Inventory>[])
        [
            inventory => inventory.Cores.Clear(),
            inventory => inventory.Cores[1].ApicId = inventory.Cores[0].ApicId,
            inventory => inventory.Cores[0].Cell = uint.MaxValue,
            inventory => inventory.Memory.Clear(),
            inventory => inventory.Memory[0].Bytes = ulong.MaxValue,
            inventory => inventory.Memory[1].HostAddress = inventory.Memory[0].HostAddress + 4096,
            inventory => inventory.Cores.Add(Enumerable.Range(100, 5000).Select(id => new Core { ApicId = (uint)id, PhysicalCore = (uint)id, Partition = -1 })),
        ])
        {
            Inventory bad = machine.Inventory();
            change(bad);
            await stream.SayAsync(new AgentEnvelope { Inventory = bad });
        }
        await stream.TakenAsync();
        (await plane.Database.QueryAsync<string>("SELECT string_agg(apic_id || ':' || cell_number || ':' || reserved, ' ' ORDER BY apic_id) FROM node_cores WHERE node_id = $1", machine.Node))
            .ShouldBe("0:0:true 1:0:false 2:0:false 3:0:false 4:1:false 5:1:false 6:1:false 7:1:false");
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM node_memory_blocks WHERE node_id = $1", machine.Node)).ShouldBe(2);
    }

    [Fact]
    public async Task What_is_sold_stays_known_when_the_node_no_longer_has_it()
    {
        (Machine machine, AgentStream stream, Guid tenant, DesiredState _) = await PlacedAsync();
        using Machine __ = machine;
        await using AgentStream ___ = stream;
        Inventory less = machine.Inventory();
        less.Cores.RemoveAt(1);
        less.Cores.RemoveAt(1);
        less.Memory[0].HostAddress += 2 << 20;
        less.Memory[0].Bytes -= 2 << 20;
        await stream.SayAsync(new AgentEnvelope { Inventory = less });
        await stream.TakenAsync();
        // Core 1 is the tenant's: nobody gets it again. Core 2 was nobody's.
        (await plane.Database.ListAsync<int>("SELECT apic_id FROM node_cores WHERE node_id = $1 ORDER BY 1", machine.Node)).ShouldBe([0, 1, 3, 4, 5, 6, 7]);
        (await plane.Database.QueryAsync<bool>("SELECT reserved FROM node_cores WHERE node_id = $1 AND apic_id = 1", machine.Node)).ShouldBeTrue();
        (await plane.Database.QueryAsync<bool>("SELECT prevents_placement FROM node_health_reports WHERE node_id = $1 AND source = 'inventory'", machine.Node)).ShouldBeTrue();
        await plane.Database.ExecuteAsync("DELETE FROM placements WHERE tenant_id = $1", tenant);
        await stream.SayAsync(new AgentEnvelope { Inventory = less });
        await stream.TakenAsync();
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM node_health_reports WHERE node_id = $1 AND source = 'inventory'", machine.Node)).ShouldBe(0);
        (await plane.Database.ListAsync<int>("SELECT apic_id FROM node_cores WHERE node_id = $1 ORDER BY 1", machine.Node)).ShouldBe([0, 3, 4, 5, 6, 7]);
    }

    [Fact]
    public async Task Reports_that_cannot_be_are_passed_over_and_the_stream_goes_on()
    {
        (Machine machine, AgentStream stream, Guid tenant, DesiredState desired) = await PlacedAsync();
        using Machine _ = machine;
        await using AgentStream __ = stream;
        ObservedPartition huge = Seen(tenant, PartitionPhase.Running, uint.MaxValue);
        huge.Restarts = uint.MaxValue;
        ObservedPartition exits = Seen(tenant, PartitionPhase.Running, 3);
        exits.Exits.Add(new ExitCount { Reason = "Icr", Count = ulong.MaxValue });
        await ObserveAsync(stream, desired.Revision, huge);
        await ObserveAsync(stream, desired.Revision, exits);
        await ObserveAsync(stream, desired.Revision, Seen(Guid.Empty, PartitionPhase.Running, 3), new ObservedPartition { TenantId = "no id" });
        await stream.SayAsync(Event(machine, ulong.MaxValue, tenant, EventKind.Panicked));
        await stream.SayAsync(new AgentEnvelope { Event = new PartitionEvent { Number = 1, BootId = "another", Kind = EventKind.Panicked, TenantId = tenant.ToString() } });
        await stream.SayAsync(new AgentEnvelope { Console = new ConsoleOutput { TenantId = tenant.ToString(), Instance = ulong.MaxValue, Data = ByteString.CopyFromUtf8("x") } });
        await stream.SayAsync(new AgentEnvelope { Renewal = new RenewalRequest { CertificateRequest = ByteString.CopyFromUtf8("none") } });
        await stream.SayAsync(new AgentEnvelope { Hello = new Hello { SessionId = "again", BootId = "again" } });
        await stream.TakenAsync();
        foreach (string table in new[] { "tenant_observed", "tenant_health_reports", "exit_samples", "console_chunks", "partition_events" }) (await plane.Database.QueryAsync<long>($"SELECT count(*) FROM {table} WHERE tenant_id = $1", tenant)).ShouldBe(0, table);
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM node_certificates WHERE node_id = $1", machine.Node)).ShouldBe(1);
    }

    /// <summary>A tenant has core 1 of a node, whose agent was told so.</summary>
    private async Task<(Machine Machine, AgentStream Stream, Guid Tenant, DesiredState Desired)> PlacedAsync()
    {
        (Machine machine, AgentStream stream) = await Machine.ReadyAsync(plane);
        Guid tenant = await plane.TenantAsync();
        await plane.PlaceAsync(tenant, machine.Node, [1]);
        return (machine, stream, tenant, await stream.UntilDesiredAsync(1));
    }

    private static ObservedPartition Seen(Guid tenant, PartitionPhase phase, uint partition) => new() { TenantId = tenant.ToString(), Phase = phase, Partition = partition, ApicIds = { 1u } };

    private static async Task ObserveAsync(AgentStream stream, ulong revision, params ObservedPartition[] seen)
    {
        var state = new ObservedState { DesiredRevision = revision };
        state.Partitions.Add(seen);
        await stream.SayAsync(new AgentEnvelope { Observed = state });
        await stream.TakenAsync();
    }

    private Task<string> StateAsync(Guid tenant) => plane.Database.QueryAsync<string>("SELECT partition_state FROM tenant_observed WHERE tenant_id = $1", tenant);

    private static AgentEnvelope Event(Machine machine, ulong number, Guid? tenant, EventKind kind) =>
        new() { Event = new PartitionEvent { Number = number, BootId = machine.BootId, TenantId = tenant?.ToString() ?? "", Kind = kind, Cause = "Reset", ApicId = 1, Rip = 0xffffffff81000000, Partition = 3 } };
}
