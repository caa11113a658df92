using Osv.Model.Explorer;

namespace Osv.Model;

/// <summary>The explorer finds what it claims to find: each fault is one changed line of the policy itself.</summary>
public sealed class SeededFaultTests(ITestOutputHelper output)
{
    public static TheoryData<SeededFault> Faults => [.. SeededFault.All];

    [Theory]
    [MemberData(nameof(Faults), DisableDiscoveryEnumeration = true)]
    public async Task A_seeded_fault_is_found(SeededFault fault)
    {
        (string? violation, string trace, string summary) = await FaultyPolicy.ExploreAsync(fault, TestContext.Current.CancellationToken);
        output.WriteLine($"{fault.Name}: {summary}\n{trace}");
        violation.ShouldNotBeNull($"'{fault.Name}' was not noticed");
        violation.ShouldContain(fault.Property);
    }

    [Fact]
    public async Task The_policy_as_shipped_compiled_the_same_way_is_the_same()
    {
        Outcome linked = new Exploration(new Configuration(3, 3, 1, 1, false, false, true, 1, Functions: 2)).Run();
        (string? violation, string trace, string summary) = await FaultyPolicy.ExploreAsync(null, TestContext.Current.CancellationToken);
        violation.ShouldBeNull(trace);
        summary.Split(" steps tried")[0].ShouldBe(linked.ToString().Split(" steps tried")[0]);
    }

    [Fact]
    public void Without_the_APIC_reset_at_entry_an_interrupt_of_the_former_run_arrives()
    {
        // A core that is still running sends to a sibling that was scrubbed already: check, scrub, send.
        Outcome outcome = new Exploration(new Configuration(3, 3, 1, 1, false, false, EntryReset: false, 1)).Run();
        output.WriteLine($"{outcome}\n{outcome.Trace}");
        outcome.Violation.ShouldNotBeNull();
        outcome.Violation.ShouldContain("an interrupt that another partition, or a former run, raised is pending");
    }
}
