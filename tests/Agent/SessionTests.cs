using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;
using EventKind = Osv.Contracts.Node.EventKind;

namespace Osv.Agent.Tests;

public sealed class SessionTests
{
    [Fact]
    public async Task An_agent_enrols_once_and_a_new_agent_goes_on_with_the_same_identity()
    {
        await using LiveAgent agent = await LiveAgent.StartAsync();
        await agent.ConnectedAsync();
        agent.Node.Inventory!.Cores.Count.ShouldBe(6);
        await agent.RestartAsync();
        await agent.UntilAsync(() => agent.Node.Sessions == 2, "the second agent's session");
        await agent.LoseMemoryAsync();
        await agent.UntilAsync(() => agent.Node.Sessions == 3, "the third agent's session");
        agent.Node.Enrolments.ShouldBe(1);
    }

    [Fact]
    public async Task An_agent_beats_for_the_monitors_watch_until_it_goes()
    {
        await using LiveAgent agent = await LiveAgent.StartAsync();
        await agent.ConnectedAsync();
        await Eventually(() => agent.Monitor.Beat > 3);
        await agent.KillAsync();
        agent.Monitor.Beat.ShouldBe(0u, "an agent that ends in order need not be missed");
    }

    [Fact]
    public async Task A_node_waits_for_approval_and_gets_in_with_the_same_token()
    {
        await using LiveAgent agent = await LiveAgent.StartAsync(registry => registry.Approves = false);
        await Eventually(() => agent.Log.ToString().Contains("waiting for approval", StringComparison.Ordinal));
        agent.Plane.Registry.Nodes.ShouldBeEmpty();
        agent.Plane.Registry.Approves = true;
        await agent.ConnectedAsync();
        agent.Node.Enrolments.ShouldBe(1);
    }

    [Fact]
    public async Task Streams_that_are_cut_lose_no_console_byte_and_no_event_and_repeat_none()
    {
        await using LiveAgent agent = await LiveAgent.StartAsync();
        await agent.ConnectedAsync();
        agent.Node.Want(agent.Tenant("a", 2));
        await agent.RunningAsync("a");
        int partition = agent.PartitionOf("a");
        var printed = new System.Text.StringBuilder();
        for (int round = 0; round < 5; round++)
        {
            for (int line = 0; line < 40; line++)
            {
                string text = $"round {round} line {line}\n";
                printed.Append(text);
                agent.Monitor.Print(partition, text);
            }
            agent.Monitor.Report(Contracts.ControlDevice.EventKind.Panicked, partition);
            int connections = agent.Node.Connections;
            agent.Plane.Registry.CutStreams();
            await agent.UntilAsync(() => agent.Node.Connections > connections, "the agent to come back");
        }
        await agent.UntilAsync(() => agent.Node.Console("a").Length >= printed.Length && agent.Node.Events.Count(one => one.Kind == EventKind.Panicked) >= 5, "all that was said");
        agent.Node.Console("a").ShouldBe(printed.ToString());
        agent.Node.Events.Count(one => one.Kind == EventKind.Panicked && one.TenantId == "a").ShouldBe(5);
        agent.Node.Faults.ShouldBeEmpty();
        agent.Node.Sessions.ShouldBe(1);
    }

    [Fact]
    public async Task A_control_plane_that_forgot_the_session_gets_the_rest_and_nothing_twice()
    {
        await using LiveAgent agent = await LiveAgent.StartAsync();
        await agent.ConnectedAsync();
        agent.Node.Want(agent.Tenant("a", 2));
        await agent.RunningAsync("a");
        agent.Monitor.Print(agent.PartitionOf("a"), "before\n");
        await agent.UntilAsync(() => agent.Node.Console("a").Contains("before", StringComparison.Ordinal), "the first line");
        agent.Node.ForgetSession();
        agent.Plane.Registry.CutStreams();
        agent.Monitor.Print(agent.PartitionOf("a"), "after\n");
        await agent.UntilAsync(() => agent.Node.Console("a").Contains("after", StringComparison.Ordinal), "the second line");
        agent.Node.Console("a").ShouldBe("before\nafter\n");
        agent.Node.Sessions.ShouldBe(2);
        agent.Node.Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_agent_that_is_killed_loses_no_console_byte_and_no_event()
    {
        await using LiveAgent agent = await LiveAgent.StartAsync();
        await agent.ConnectedAsync();
        agent.Node.Want(agent.Tenant("a", 2));
        await agent.RunningAsync("a");
        int partition = agent.PartitionOf("a");
        var printed = new System.Text.StringBuilder();
        for (int round = 0; round < 4; round++)
        {
            string text = new string((char)('a' + round), 3000) + "\n";
            printed.Append(text);
            agent.Monitor.Print(partition, text);
            agent.Monitor.Report(Contracts.ControlDevice.EventKind.Panicked, partition);
            await agent.RestartAsync();
        }
        await agent.UntilAsync(() => agent.Node.Console("a").Length >= printed.Length, "all that was printed");
        agent.Node.Console("a").ShouldBe(printed.ToString());
        await agent.UntilAsync(() => agent.Node.Events.Count(one => one.Kind == EventKind.Panicked) == 4, "all events");
        agent.Node.Faults.ShouldBeEmpty();
        agent.Monitor.Operations.Count(operation => operation == ControlOperation.Start).ShouldBe(1);
    }

    [Fact]
    public async Task Console_bytes_that_nobody_could_keep_are_counted()
    {
        await using LiveAgent agent = await LiveAgent.StartAsync();
        await agent.ConnectedAsync();
        agent.Node.Want(agent.Tenant("a", 2));
        await agent.RunningAsync("a");
        int partition = agent.PartitionOf("a");
        await agent.KillAsync();
        agent.Monitor.Print(partition, new string('x', (int)ControlLayout.ConsoleOutputBytes + 100));
        await agent.RestartAsync();
        await agent.UntilAsync(() => agent.Node.Console("a").Length == (int)ControlLayout.ConsoleOutputBytes, "what fitted");
        agent.Monitor.Print(partition, "end");
        await agent.UntilAsync(() => agent.Node.Console("a").EndsWith("end", StringComparison.Ordinal), "the end");
        agent.Node.ConsoleLost("a").ShouldBe(100UL);
        agent.Node.Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task What_is_typed_reaches_the_tenant_once()
    {
        await using LiveAgent agent = await LiveAgent.StartAsync();
        await agent.ConnectedAsync();
        agent.Node.Want(agent.Tenant("a", 2));
        await agent.RunningAsync("a");
        agent.Node.Type("a", "first\n");
        agent.Plane.Registry.CutStreams();
        agent.Node.Type("a", "second\n");
        var typed = new System.Text.StringBuilder();
        await agent.UntilAsync(() => typed.Append(agent.Monitor.Typed(agent.PartitionOf("a"))).Length >= 13, "both lines");
        typed.ToString().ShouldBe("first\nsecond\n");
    }

    [Fact]
    public async Task A_certificate_is_renewed_before_it_ends()
    {
        await using LiveAgent agent = await LiveAgent.StartAsync(registry => registry.RenewAfter = TimeSpan.FromSeconds(-1));
        await agent.UntilAsync(() => agent.Plane.Registry.Nodes is [{ Renewals: > 0 }], "a renewal");
        agent.Plane.Registry.RenewAfter = TimeSpan.FromDays(1);
        agent.Plane.Registry.CutStreams();
        await agent.UntilAsync(() => agent.Node.Connections > 1, "a connection with the new certificate");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_node_that_was_cut_off_until_its_certificate_ended_comes_back_with_its_tenants(bool itsClockIsRight)
    {
        var elsewhere = new ShiftedTime();
        await using LiveAgent agent = await LiveAgent.StartAsync(registry => registry.Time = elsewhere);
        await agent.ConnectedAsync();
        agent.Node.Want(agent.Tenant("a", 2));
        await agent.RunningAsync("a");
        int connections = agent.Node.Connections;
        agent.Plane.Registry.Closed = true;
        agent.Plane.Registry.CutStreams();
        elsewhere.Step(TimeSpan.FromDays(8));
        if (itsClockIsRight) agent.Time.Step(TimeSpan.FromDays(8));
        agent.Monitor.Print(agent.PartitionOf("a"), "meanwhile\n");
        agent.Plane.Registry.Closed = false;
        await agent.UntilAsync(() => agent.Node.Connections > connections && agent.Node.Console("a") == "meanwhile\n", "the agent to come back");
        agent.Node.Returns.ShouldBe(1);
        agent.Node.Enrolments.ShouldBe(1);
        agent.Node.Sessions.ShouldBe(1);
        agent.Monitor.Operations.Count(operation => operation == ControlOperation.Start).ShouldBe(1);
        // The new certificate is noted: an agent after this one goes on with it.
        await agent.RestartAsync();
        await agent.UntilAsync(() => agent.Node.Sessions == 2, "the second agent's session");
        agent.Node.Returns.ShouldBe(1);
    }

    [Fact]
    public async Task Tenants_run_on_while_the_control_plane_is_away()
    {
        await using LiveAgent agent = await LiveAgent.StartAsync(registry => registry.LeaseSeconds = 1);
        await agent.ConnectedAsync();
        DesiredPartition careful = agent.Tenant("careful", 3);
        careful.Lease = LeasePolicy.Stop;
        agent.Node.Want(agent.Tenant("steady", 2), careful);
        await agent.RunningAsync("steady");
        await agent.RunningAsync("careful");
        int steady = agent.PartitionOf("steady"), other = agent.PartitionOf("careful");
        agent.Plane.Registry.Closed = true;
        agent.Plane.Registry.CutStreams();
        await Eventually(() => agent.Monitor.StateOf(other) == PartitionState.Absent);
        agent.Monitor.StateOf(steady).ShouldBe(PartitionState.Running);
        agent.Plane.Registry.Closed = false;
        await agent.RunningAsync("careful");
        agent.Monitor.StateOf(steady).ShouldBe(PartitionState.Running);
    }

    /// <summary>For what happens inside the node while nobody tells of it.</summary>
    private static async Task Eventually(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(LiveAgent.Patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!condition()) await timer.WaitForNextTickAsync(deadline.Token);
    }
}
