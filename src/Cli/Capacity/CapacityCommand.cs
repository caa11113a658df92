using System.CommandLine;
using System.Globalization;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Capacity;

/// <summary><c>osv capacity</c>: what still fits.</summary>
internal static class CapacityCommand
{
    public static Command Create() => ClientCommand.Query("capacity", "What is free, and the largest tenants that would still fit.", async call =>
        call.Show(await call.Api.ShowCapacityAsync(call.Cancel).ConfigureAwait(false), capacity => Table.Fields(
        [
            ("nodes", Counts(capacity.Nodes)),
            ("tenants", Counts(capacity.Tenants)),
            ("cores", string.Create(CultureInfo.InvariantCulture, $"{capacity.FreeCores} of {capacity.Cores} free")),
            ("memory", $"{Sizes.Format(capacity.FreeMemoryBytes)} of {Sizes.Format(capacity.MemoryBytes)} free"),
            ("fits in one NUMA cell", Shapes(capacity.LargestInOneCell)),
            ("fits on one node", Shapes(capacity.LargestOnOneNode)),
        ])));

    private static string Counts(Dictionary<string, int> counts) => counts.Count == 0 ? "none" : string.Join(", ", counts.Select(count => $"{count.Value} {count.Key}"));

    public static string Shapes(IReadOnlyList<Shape> shapes) => shapes.Count == 0 ? "nothing" : string.Join(", or ", shapes.Select(shape => $"{shape.Cores} cores with {Sizes.Format(shape.MemoryBytes)}"));
}
