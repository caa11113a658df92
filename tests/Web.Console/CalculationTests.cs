using Osv.Web.Nodes;
using Osv.Web.Tenants;

namespace Osv.Web.Console.Tests;

public sealed class CalculationTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Rates_are_differences_over_time_and_unknown_across_restarts_and_gaps()
    {
        var history = new ExitHistory(
            [Start, Start.AddSeconds(10), Start.AddSeconds(20), Start.AddSeconds(40)],
            new Dictionary<string, IReadOnlyList<long?>> { ["CPUID"] = [5, null, 7, 9], ["ICR"] = [100, 200, 50, 90] });
        ExitRates rates = ExitRates.Of(history);
        rates.Reasons.ShouldBe(["ICR", "CPUID"], "the busiest comes first");
        rates.Values[0].ShouldBe([10, null, 2]);
        rates.Values[1].ShouldBe([null, null, 0.1]);
        rates.Seconds.Length.ShouldBe(3);
    }

    [Fact]
    public void No_reading_gives_no_rate()
    {
        ExitRates rates = ExitRates.Of(new ExitHistory([], new Dictionary<string, IReadOnlyList<long?>>()));
        rates.Seconds.ShouldBeEmpty();
        rates.Values.ShouldBeEmpty();
    }

    [Fact]
    public void Neighbours_in_a_list_have_colours_that_differ()
    {
        string[] owners = [.. Enumerable.Range(0, 12).Select(i => $"t{i:00}")];
        int[] hues = [.. owners.Select(owner => CoreColors.Hue(owners, owner))];
        hues.ShouldAllBe(hue => hue >= 0 && hue < 360);
        for (int i = 1; i < hues.Length; i++) Math.Min(Math.Abs(hues[i] - hues[i - 1]), 360 - Math.Abs(hues[i] - hues[i - 1])).ShouldBeGreaterThan(100);
    }

    [Theory]
    [InlineData(null, "/")]
    [InlineData("", "/")]
    [InlineData("//evil", "/")]
    [InlineData("/\\evil", "/")]
    [InlineData("https://evil", "/")]
    [InlineData("/nodes?view=racks", "/nodes?view=racks")]
    public void Only_paths_of_this_site_are_returned_to(string? path, string expected) => Access.SessionEndpoints.LocalPath(path).ShouldBe(expected);

    [Fact]
    public void The_largest_shapes_are_those_no_other_place_exceeds()
    {
        const long gib = 1L << 30;
        Capacity.LargestShapes.Outermost([new(4, 8 * gib), new(2, 64 * gib), new(4, 16 * gib), new(1, 32 * gib)])
            .ShouldBe([new Capacity.Shape(4, 16 * gib), new Capacity.Shape(2, 64 * gib)]);
        Capacity.LargestShapes.Outermost([]).ShouldBeEmpty();
    }
}
