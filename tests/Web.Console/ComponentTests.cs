using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Osv.Data.Lifecycles;
using Osv.Web.Nodes;
using Osv.Web.Tenants;

namespace Osv.Web.Console.Tests;

public sealed class ComponentTests : BunitContext
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));

    public ComponentTests()
    {
        Services.AddSingleton<TimeProvider>(_time);
        JSInterop.Mode = JSRuntimeMode.Loose;
    }

    [Fact]
    public void A_state_is_told_in_words_and_colour_and_says_when_it_is_stalled()
    {
        IRenderedComponent<StateChip> chip = Render<StateChip>(p => p.Add(c => c.State, NodeState.PendingApproval).Add(c => c.Stalled, true));
        chip.Find(".chip").ClassList.ShouldContain("chip-warning");
        chip.Markup.ShouldContain("Pending approval");
        chip.Find(".stalled").TextContent.ShouldContain("stalled");
        Render<StateChip>(p => p.Add(c => c.State, TenantState.Crashed)).Find(".chip").ClassList.ShouldContain("chip-error");
    }

    [Fact]
    public void A_meter_stays_within_its_bounds_and_is_readable_without_eyes()
    {
        IRenderedComponent<Meter> meter = Render<Meter>(p => p.Add(m => m.Used, 15).Add(m => m.Most, 10).Add(m => m.Label, "Cores"));
        meter.Find(".meter div").GetAttribute("style").ShouldBe("width:100%");
        meter.Find(".meter div").ClassList.ShouldContain("full");
        meter.Find(".meter").GetAttribute("aria-valuenow").ShouldBe("15");
        Render<Meter>(p => p.Add(m => m.Used, 0).Add(m => m.Most, 0)).Find(".meter div").GetAttribute("style").ShouldBe("width:0%");
    }

    [Fact]
    public void A_time_is_relative_and_exact_at_once()
    {
        IRenderedComponent<Ago> ago = Render<Ago>(p => p.Add(a => a.At, _time.GetUtcNow().AddMinutes(-3)));
        ago.Find("time").TextContent.ShouldBe("3 min ago");
        ago.Find("time").GetAttribute("title").ShouldBe("2026-01-02 03:01:05 UTC");
        Render<Ago>(p => p.Add(a => a.At, null)).Markup.ShouldContain("never");
    }

    [Fact]
    public void A_pager_leads_to_the_pages_beside_and_is_not_there_where_one_page_shows_all()
    {
        Services.GetRequiredService<NavigationManager>().NavigateTo("/nodes?find=rack&page=2");
        IRenderedComponent<Pager> pager = Render<Pager>(p => p.Add(m => m.Number, 2).Add(m => m.Size, 100).Add(m => m.Total, 201));
        pager.Find("[rel=prev]").GetAttribute("href")!.ShouldEndWith("/nodes?find=rack");
        pager.Find("[rel=next]").GetAttribute("href")!.ShouldEndWith("/nodes?find=rack&page=3");
        pager.Markup.ShouldContain("Page 2 of 3");
        Render<Pager>(p => p.Add(m => m.Number, 3).Add(m => m.Size, 100).Add(m => m.Total, 201)).FindAll("[rel=next]").ShouldBeEmpty();
        // Whoever stands behind the end is led back to what is there.
        Render<Pager>(p => p.Add(m => m.Number, 9).Add(m => m.Size, 100).Add(m => m.Total, 150)).Find("[rel=prev]").GetAttribute("href")!.ShouldEndWith("page=2");
        Render<Pager>(p => p.Add(m => m.Number, 1).Add(m => m.Size, 100).Add(m => m.Total, 100)).Markup.Trim().ShouldBeEmpty();
    }

    [Fact]
    public void What_a_drain_would_do_is_said_before_it_begins()
    {
        NodePage.Consequence(new DrainPreview([], [], 0)).ShouldBe("It takes no new tenants. No tenant would move.");
        NodePage.Consequence(new DrainPreview([new(Guid.Empty, "web", "shop", "n2")], [new(Guid.Empty, "db", "shop", "is pinned to node n1: unpin it or stop it")], 0))
            .ShouldBe("It takes no new tenants. web moves to n2. Nothing moves while these block: db is pinned to node n1: unpin it or stop it.");
    }

    [Fact]
    public void Events_and_log_of_a_node_show_time_cause_and_words()
    {
        IRenderedComponent<NodeEvents> events = Render<NodeEvents>(p => p.Add(e => e.Events, [new PartitionEventView(7, "Failed", "TripleFault", _time.GetUtcNow().AddMinutes(-3), "web", 2, 5, "0xffffffff81000000")]));
        foreach (string text in new[] { "3 min ago", "Failed", "TripleFault", "web", "0xffffffff81000000" }) events.Find("tbody tr").TextContent.ShouldContain(text);
        IRenderedComponent<NodeLog> log = Render<NodeLog>(p => p.Add(l => l.Lines, [new AgentLogLineView(_time.GetUtcNow(), "error", "images", "<b>broke off</b>")]));
        log.Find(".level-error").TextContent.ShouldBe("error");
        log.Find("tbody tr").TextContent.ShouldContain("<b>broke off</b>", Case.Sensitive);
        Render<NodeLog>(p => p.Add(l => l.Lines, [])).Find("[data-state=empty]").TextContent.ShouldContain("said nothing");
    }

    [Fact]
    public void A_core_map_shows_owners_management_and_free_cores()
    {
        CellView cell = new(0, [new(0, 0, 0, 0, true, null), new(1, 0, 0, 1, false, "web"), new(2, 0, 1, 2, false, null)], 4L << 30, 1L << 30);
        IRenderedComponent<NumaMap> map = Render<NumaMap>(p => p.Add(m => m.Cells, [cell]));
        map.FindAll(".cache").Count.ShouldBe(2);
        map.FindAll(".cache .core.reserved").Single().TextContent.ShouldBe("0");
        map.FindAll(".cache .core.sold").Single().GetAttribute("title").ShouldBe("APIC id 1, physical core 1, tenant web");
        map.Markup.ShouldContain("1 GiB of 4 GiB free");
        Render<NumaMap>(p => p.Add(m => m.Cells, [])).Find("[data-state=empty]").TextContent.ShouldContain("not reported");
    }

    [Fact]
    public void A_timeline_begins_with_the_present()
    {
        DateTimeOffset now = _time.GetUtcNow();
        TransitionView[] transitions = [new(null, "Pending", "waits", "scheduler", now.AddMinutes(-2), null), new("Pending", "Placed", "placed on n1", "agent", now, null)];
        IRenderedComponent<TransitionList> list = Render<TransitionList>(p => p.Add(l => l.Transitions, transitions));
        list.FindAll("li strong").Select(e => e.TextContent).ShouldBe(["Placed", "Pending"]);
        list.FindAll("li")[0].ClassList.ShouldContain("now");
        list.Markup.ShouldContain("Placed on n1.");
    }

    [Fact]
    public void A_boot_shows_the_step_it_stands_at()
    {
        DateTimeOffset now = _time.GetUtcNow();
        BootView boot = new(Guid.NewGuid(), now.AddSeconds(-30), [
            new(Data.Nodes.BootStepKind.Dhcp, Data.Nodes.BootStepState.Done, now.AddSeconds(-30), now.AddSeconds(-28), now, false, "10.0.0.7"),
            new(Data.Nodes.BootStepKind.Script, Data.Nodes.BootStepState.Waiting, now.AddSeconds(-28), null, now.AddSeconds(-1), true, "")]);
        IRenderedComponent<NodeBoots> boots = Render<NodeBoots>(p => p.Add(b => b.Timeline, new NodeTimeline([], [boot])));
        boots.FindAll("li")[0].TextContent.ShouldContain("took 2 s");
        boots.FindAll("li")[1].ClassList.ShouldContain("now");
        boots.FindAll("li")[1].QuerySelector(".stalled").ShouldNotBeNull();
        Render<NodeBoots>(p => p.Add(b => b.Timeline, new NodeTimeline([], []))).Find("[data-state=empty]").ShouldNotBeNull();
    }
}
