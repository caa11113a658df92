using Osv.Model.Explorer;

namespace Osv.Promela;

/// <summary>
/// Situations that matter can be reached, by a way that SPIN finds as a counterexample to "never", and the code
/// goes that way too.
/// </summary>
public sealed class WitnessTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("both tenants run while partition 0 stops", "partition_state[1] == RUNNING && partition_state[2] == RUNNING && partition_state[0] == STOPPING && place[0] == IN_SCRUB")]
    [InlineData("an interrupt reaches a core that was scrubbed a moment ago", "step_kind == S_SEND && place[step_low] == IN_SCRUBBED")]
    [InlineData("partition 0 is scrubbed while a tenant stops", "partition_state[0] == SCRUBBING && partition_state[1] == STOPPING && partition_state[2] == RUNNING")]
    [InlineData("the window shows one tenant while the other runs", "window == 1 && page_visible[1] && partition_state[2] == RUNNING")]
    [InlineData("a second core starts by SIPI", "step_kind == S_ACT && step_low == 4 && core_partition[step_from] == 2")]
    [InlineData("a tenant's core takes an NMI that another core sent", "step_kind == S_ACT && step_low == 1 && core_partition[step_from] == 1 && place[3 - step_from] >= SEND_TO")]
    [InlineData("tables run out beside a running tenant", "status == OUT_OF_TABLES && partition_state[2] == RUNNING")]
    [InlineData("INIT and a stop meet", "step_kind == S_ICR && (requests[1] & STOP) != 0 && (requests[2] & STOP) != 0 && kicked[1] && mode == MODE_INIT && place[1] == IN_SETTLE")]
    [InlineData("one core is back and the other is being scrubbed", "cores_out[1] == 1 && place[1] == IN_PARK && place[2] == IN_SCRUBBED")]
    [InlineData("a destroyed tenant's page has a new owner", "core_partition[1] == 2 && boot_core[2] == 1 && page_owner[1] == 2 && partition_state[2] == RUNNING && page_owner[2] == 1 && partition_state[1] == STOPPED")]
    public Task The_code_goes_the_way_that_the_model_found(string situation, string witness) => Find(situation, witness, Bounds.ThreeCoresSmall);

    [Theory]
    [InlineData("a tenant is refused an access and stops while the other runs", "step_kind == S_REFUSED && partition_state[1] == STOPPING && partition_state[2] == RUNNING")]
    [InlineData("a guest that is to stop writes a message", "step_kind == S_MESSAGE && partition_state[core_partition[step_from]] == STOPPING")]
    [InlineData("a function that a destroyed tenant had is free and was reset", "function_owner[0] == NOBODY && !soiled[0] && partition_state[2] == RUNNING")]
    [InlineData("a function waits to be reset while the other tenant runs", "function_owner[0] == 1 && soiled[0] && partition_state[1] == SCRUBBING && place[1] == IN_CLEAR && partition_state[2] == RUNNING")]
    [InlineData("a function is asked for that the running tenant has", "status == FUNCTION_NOT_FREE && function_owner[0] == 1 && partition_state[1] == RUNNING")]
    public Task The_code_goes_the_way_that_the_model_found_with_a_function(string situation, string witness) => Find(situation, witness, Bounds.TenantFunction);

    private async Task Find(string situation, string witness, Configuration bounds)
    {
        using var spin = new Spin(bounds);
        const string Definition = "-DFIND";
        await File.WriteAllTextAsync(Path.Combine(spin.Folder, "witness.pml"), $"#define WITNESS {witness}\n", TestContext.Current.CancellationToken);
        string verifier = await spin.VerifierAsync("monitor.pml", ["-O1", "-DSAFETY", "-DNOCLAIM"], TestContext.Current.CancellationToken, Definition);
        Search search = Search.Read(await spin.VerifyAsync(verifier, TestContext.Current.CancellationToken, "-n", "-m30000", "-w22"));
        search.Errors.ShouldBe(1, $"cannot be reached: {situation}");
        string told = await spin.FollowTrailAsync("monitor.pml", TestContext.Current.CancellationToken, Definition);
        var walk = new PolicyWalk(bounds);
        int steps = 0;
        foreach ((int[] step, int[] state) in Told.Read(told))
        {
            walk.Follow(step, state).ShouldBeNull(situation);
            steps++;
        }
        output.WriteLine($"{situation}: {steps} steps, {search}");
        steps.ShouldBeGreaterThan(5);
    }
}
