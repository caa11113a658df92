using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Osv.Data.Access;
using Osv.Data.Lifecycles;
using Osv.Data.Projects;
using Osv.Database.Testing;
using Osv.Web.Access;
using Osv.Web.Hosting;
using Osv.Web.Nodes;

namespace Osv.Web.Tests;

public sealed class NodeTests(Site site)
{
    [Fact]
    public async Task A_registered_serial_is_a_node_that_is_approved_before_it_boots()
    {
        string name = Site.Unique("new");
        Answer made = await site.Administrator.PostAsync("/api/v1/nodes", new { name, serialNumber = $"SN-{name}", rack = "r1", powerDomain = "p1", labels = new { tier = "gold" } });
        made.Status.ShouldBe(201, made.Text);
        made.Json.GetProperty("state").GetString().ShouldBe("Discovered");
        made.Json.GetProperty("approved").GetBoolean().ShouldBeTrue();
        Answer bySerial = await site.Administrator.GetAsync($"/api/v1/nodes/SN-{name}");
        bySerial.Json.GetProperty("name").GetString().ShouldBe(name);
        bySerial.Json.GetProperty("labels").GetProperty("tier").GetString().ShouldBe("gold");
        Answer again = await site.Administrator.PostAsync("/api/v1/nodes", new { name = $"{name}-b", serialNumber = $"SN-{name}" });
        again.Status.ShouldBe(409);
    }

    [Fact]
    public async Task Approve_drain_uncordon_and_retire_write_what_the_operator_wants()
    {
        string prefix = Site.Unique("n"), node = $"{prefix}-0";
        Guid[] ids = await site.Seed.NodesAsync(1, new NodeShape(), prefix);
        (await site.Administrator.PostAsync($"/api/v1/nodes/{node}/drain")).Detail.ShouldContain("approve it first");
        (await site.Administrator.PostAsync($"/api/v1/nodes/{node}/approve")).Detail.ShouldContain("Ready");
        await site.Database.ExecuteAsync("INSERT INTO node_desired (node_id, intent, changed_by, changed_at) VALUES ($1, 'Serve', 'test', now())", ids[0]);
        foreach ((string command, string intent) in new[] { ("drain", "Drain"), ("uncordon", "Serve") })
        {
            Answer done = await site.Administrator.PostAsync($"/api/v1/nodes/{node}/{command}");
            done.Status.ShouldBe(200, done.Text);
            done.Json.GetProperty("intent").GetString().ShouldBe(intent);
            done.Json.GetProperty("state").GetString().ShouldBe("Ready", "only the scheduler changes states");
        }
        (await site.Administrator.DeleteAsync($"/api/v1/nodes/{node}")).Json.GetProperty("intent").GetString().ShouldBe("Retire");
        (await site.Database.QueryAsync<bool>("SELECT due_at <= now() FROM node_lifecycles WHERE node_id = $1", ids[0])).ShouldBeTrue();
    }

    [Fact]
    public async Task A_discovered_node_is_approved_once()
    {
        string name = Site.Unique("found");
        Guid id = Guid.CreateVersion7();
        await site.Database.ExecuteAsync("INSERT INTO nodes (id, name, serial_number, rack, power_domain, labels, registered_at) VALUES ($1, $2, $2, '', '', '{}', now())", id, name);
        await site.Database.ExecuteAsync("INSERT INTO node_lifecycles (node_id, state, reason, owner, deadline_at) VALUES ($1, 'Discovered', 'asked for a boot script', 'operator', now() + interval '1 hour')", id);
        (await site.Administrator.GetAsync($"/api/v1/nodes/{name}")).Json.GetProperty("approved").GetBoolean().ShouldBeFalse();
        Answer done = await site.Administrator.PostAsync($"/api/v1/nodes/{name}/approve");
        done.Json.GetProperty("approved").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public async Task A_node_that_asked_for_its_script_shows_the_step_that_it_is_at()
    {
        string prefix = Site.Unique("boots"), node = $"{prefix}-0";
        Guid[] ids = await site.Seed.NodesAsync(1, new NodeShape(), prefix);
        var boot = Guid.CreateVersion7();
        await site.Database.ExecuteAsync("INSERT INTO node_boots (id, node_id, started_at) VALUES ($1, $2, now())", boot, ids[0]);
        // As the script's request writes them: three that begin at one moment.
        foreach ((string step, string state) in new[] { ("Image", "Waiting"), ("Dhcp", "Done"), ("Script", "Done") })
        {
            await site.Database.ExecuteAsync(
                "INSERT INTO node_boot_steps (boot_id, step, state, started_at, finished_at, deadline_at, detail) SELECT id, $2, $3, started_at, CASE WHEN $3 = 'Done' THEN started_at END, started_at + interval '1 minute', '' FROM node_boots WHERE id = $1",
                boot, step, state);
        }
        (await site.Administrator.GetAsync($"/api/v1/nodes/{node}")).Json.GetProperty("bootStep").GetString().ShouldBe("Image waiting");
    }

    [Fact]
    public async Task A_node_with_tenants_is_not_retired_and_shows_who_owns_what()
    {
        string project = await site.NewProjectAsync(), prefix = Site.Unique("n"), node = $"{prefix}-0";
        await site.NewImageAsync(project);
        Guid tenant = await site.NewTenantAsync(project, "resident");
        Guid[] ids = await site.Seed.NodesAsync(1, new NodeShape(), prefix);
        await site.PlaceAsync(tenant, ids[0], [8, 9], cell: 1);
        (await site.Administrator.DeleteAsync($"/api/v1/nodes/{node}")).Detail.ShouldContain("drain it first");
        Answer shown = await site.Administrator.GetAsync($"/api/v1/nodes/{node}");
        shown.Json.GetProperty("freeCores").GetInt32().ShouldBe(14);
        shown.Json.GetProperty("cells")[1].GetProperty("cores")[0].GetProperty("tenant").GetString().ShouldBe("resident");
        shown.Json.GetProperty("cells")[1].GetProperty("freeMemoryBytes").GetInt64().ShouldBe(63L << 30);
        shown.Json.GetProperty("partitions")[0].GetProperty("tenant").GetString().ShouldBe("resident");
    }

    [Fact]
    public async Task Capacity_is_the_largest_shape_that_the_planner_would_place_not_a_sum()
    {
        string project = await site.NewProjectAsync(), prefix = Site.Unique("big");
        await site.NewImageAsync(project);
        Guid[] ids = await site.Seed.NodesAsync(1, new NodeShape { Cells = 2, CoresPerCell = 64, MemoryBytesPerCell = 512L << 30 }, prefix);
        Guid tenant = await site.NewTenantAsync(project, "taker");
        await site.PlaceAsync(tenant, ids[0], [0, 1]);
        JsonElement capacity = (await site.Administrator.GetAsync("/api/v1/capacity")).Json, node = (await site.Administrator.GetAsync($"/api/v1/nodes/{prefix}-0")).Json;
        capacity.GetProperty("largestInOneCell")[0].GetProperty("cores").GetInt32().ShouldBe(64);
        capacity.GetProperty("largestOnOneNode")[0].GetProperty("cores").GetInt32().ShouldBe(126);
        // 1023 GiB are free, and no partition can have them: guest addresses end at 512 GiB.
        capacity.GetProperty("largestOnOneNode")[0].GetProperty("memoryBytes").GetInt64().ShouldBe(511L << 30);
        node.GetProperty("largestInOneCell")[0].ToString().ShouldBe(capacity.GetProperty("largestInOneCell")[0].ToString());
        node.GetProperty("largestOnNode")[0].ToString().ShouldBe(capacity.GetProperty("largestOnOneNode")[0].ToString());
        // Whoever asks for exactly that gets it from the planner, and one core more is refused.
        (await PlannedAsync(cores: 126)).ShouldBeOfType<Osv.Placement.Plans.Plan>();
        (await PlannedAsync(cores: 127)).ShouldBeOfType<Osv.Placement.Plans.Refusal>();
        await site.Database.ExecuteAsync("INSERT INTO node_health_reports (node_id, source, summary, prevents_placement, prevents_state_changes, suppresses_alerts, observed_at) VALUES ($1, 'memory-errors', '', true, false, false, now())", ids[0]);
        (await site.Administrator.GetAsync($"/api/v1/nodes/{prefix}-0")).Json.GetProperty("largestOnNode").GetArrayLength().ShouldBe(0, "an unhealthy node takes nobody");
    }

    private Task<Osv.Placement.Plans.PlanResult> PlannedAsync(int cores) => site.Services.GetRequiredService<Osv.Web.Capacity.FleetView>().ReadAsync(
        snapshot => snapshot.Planner.Plan(new Osv.Placement.Requests.PlacementRequest { Tenant = Site.Unique("probe"), Project = "p", Cores = cores, MemoryUnits = 511 * 512 }), TestContext.Current.CancellationToken);

    [Fact]
    public async Task What_the_monitor_recorded_and_what_the_agent_said_is_listed_newest_first()
    {
        string name = Site.Unique("recording");
        Guid node = (await site.Seed.NodesAsync(1, new NodeShape(), name))[0];
        await site.Database.ExecuteAsync(
            """
            INSERT INTO partition_events (node_id, monitor_boot, number, kind, cause, at, apic_id, rip, detail, partition_number)
            SELECT $1, 'boot', n, 'Panicked', 'Requested', now() + n * interval '1 s', 3, -2130706432, 0, 2 FROM generate_series(1, 3) n
            """, node);
        await site.Database.ExecuteAsync("INSERT INTO agent_log_lines (node_id, number, at, level, category, message) VALUES ($1, 1, now(), 'warn', 'images', 'broke off')", node);
        JsonElement[] events = [.. (await site.Administrator.GetAsync($"/api/v1/nodes/{name}-0/events?limit=2")).Json.EnumerateArray()];
        events.Select(one => one.GetProperty("number").GetInt64()).ShouldBe([3, 2]);
        events[0].GetProperty("rip").GetString().ShouldBe("0xffffffff81000000");
        (await site.Administrator.GetAsync($"/api/v1/nodes/{name}-0/log")).Json.EnumerateArray().Single().GetProperty("message").GetString().ShouldBe("broke off");
    }

    [Fact]
    public async Task A_drain_is_previewed_with_what_would_move_and_what_blocks_and_changes_nothing()
    {
        string project = await site.NewProjectAsync(), prefix = Site.Unique("leaving");
        await site.NewImageAsync(project);
        Guid[] ids = await site.Seed.NodesAsync(2, new NodeShape(), prefix);
        Guid mover = await site.NewTenantAsync(project, "mover"), pinned = await site.NewTenantAsync(project, "settled");
        await site.Database.ExecuteAsync("UPDATE tenants SET labels = '{\"pinned\":\"true\"}' WHERE id = $1", pinned);
        await site.PlaceAsync(mover, ids[0], [0, 1]);
        await site.PlaceAsync(pinned, ids[0], [8, 9], cell: 1);
        JsonElement preview = (await site.Administrator.GetAsync($"/api/v1/nodes/{prefix}-0/drain")).Json;
        JsonElement move = preview.GetProperty("moves").EnumerateArray().Single(), blocker = preview.GetProperty("blockers").EnumerateArray().Single();
        move.GetProperty("tenant").GetString().ShouldBe("mover");
        move.GetProperty("project").GetString().ShouldBe(project);
        move.GetProperty("to").GetString().ShouldNotBe($"{prefix}-0");
        blocker.GetProperty("tenant").GetString().ShouldBe("settled");
        blocker.GetProperty("reason").GetString()!.ShouldContain("pinned");
        (await site.Database.QueryAsync<long>("SELECT count(*) FROM placements WHERE node_id = $1", ids[0])).ShouldBe(2);
        (await site.Administrator.GetAsync($"/api/v1/nodes/{prefix}-1/drain")).Json.GetProperty("moves").GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public async Task A_search_looks_at_all_nodes_and_gives_them_page_by_page()
    {
        string prefix = Site.Unique("many");
        await site.Seed.NodesAsync(7, new NodeShape { CoresPerCell = 1 }, prefix, nodesPerRack: 3);
        NodeQueries queries = site.Services.GetRequiredService<NodeQueries>();
        var caller = new Caller(Guid.Empty, "operator", SiteRole.Operator, new Dictionary<Guid, ProjectRole>(), null);
        Found<NodeView> second = await queries.FindAsync(caller, prefix.ToUpperInvariant(), null, false, new FoundPage(2, 5), TestContext.Current.CancellationToken);
        second.Items.Select(node => node.Name).ShouldBe([$"{prefix}-5", $"{prefix}-6"]);
        second.Fitting.ShouldBe(7);
        second.All.ShouldBeGreaterThanOrEqualTo(7);
        (await queries.FindAsync(caller, $"{prefix}-rack-1", NodeState.Ready, true, new FoundPage(1, 5), TestContext.Current.CancellationToken)).Items.Select(node => node.Name).ShouldBe([$"{prefix}-3", $"{prefix}-4", $"{prefix}-5"]);
        (await queries.FindAsync(caller, prefix, NodeState.Lost, false, new FoundPage(1, 5), TestContext.Current.CancellationToken)).Fitting.ShouldBe(0);
        // What stands for anything in the database stands for itself here.
        (await queries.FindAsync(caller, prefix.Replace("many", "man_", StringComparison.Ordinal), null, false, new FoundPage(1, 5), TestContext.Current.CancellationToken)).Fitting.ShouldBe(0);
    }

    [Fact]
    public async Task An_order_to_a_node_is_written_only_while_somebody_can_obey()
    {
        string name = Site.Unique("ordered");
        Guid node = (await site.Seed.NodesAsync(1, new NodeShape(), name))[0];
        Answer refused = await site.Administrator.PostAsync($"/api/v1/nodes/{name}-0/reset", new { });
        refused.Status.ShouldBe(409);
        refused.Text.ShouldContain("not connected");
        await site.Database.ExecuteAsync("INSERT INTO node_connections (node_id, replica, stream, monitor_boot, boot_seen_at, connected_at, events_known) VALUES ($1, 'r', 's', 'b', now(), now(), 0)", node);
        (await site.Administrator.PostAsync($"/api/v1/nodes/{name}-0/reset", new { })).Status.ShouldBe(200);
        (await site.Administrator.PostAsync($"/api/v1/nodes/{name}-0/power-off", new { })).Status.ShouldBe(200);
        (await site.Database.ListAsync<string>("SELECT kind || ' ' || requested_by FROM node_commands WHERE node_id = $1 ORDER BY requested_at", node)).ShouldBe(["Reset admin (token login)", "PowerOff admin (token login)"]);
        (await site.Administrator.GetAsync($"/api/v1/audit?action=node.reset")).Text.ShouldContain($"{name}-0");
    }
}
