using Osv.Placement.Nodes;
using Osv.Placement.Requests;

namespace Osv.Placement.Scores;

/// <summary>
/// How well a request fits a place; lower is better. All amounts are shares of what the place has:
/// Left * (cores left + memory left) + After * |lopsidedness after| - Before * |lopsidedness before| + EmptyNode + the node's bias.
/// Lopsidedness is cores in use less Ratio times memory in use, where Ratio is the fleet's own: a place that fills as the
/// fleet fills ends with both used up, and one that does not strands the rest of one of them.
/// </summary>
internal readonly record struct FitScore(float Left, float After, float Before, float Ratio, float EmptyNode)
{
    /// <summary>More than any fit, so that an empty node is opened only when no other takes the request.</summary>
    private const float NeverOpen = 1000;
    /// <summary>While there is slack, a better balance may open a node.</summary>
    private const float OpenForBalance = 0.05f;

    /// <summary>
    /// The weights were tuned on generated traces (tests/bench/Placement): balance outweighs fullness by far, and giving
    /// back three quarters of the lopsidedness before lets a lopsided place be mended.
    /// </summary>
    public static FitScore Of(Fleet fleet, Strategy strategy) => strategy == Strategy.Pack
        ? new FitScore(1, 64, 48, fleet.Usage.CoresOverMemory, fleet.Usage.HasSlack ? OpenForBalance : NeverOpen)
        : new FitScore(-1, 0, 0, 1, 0);

    public static float[] BiasOf(ResourceTable table, Strategy strategy) => strategy == Strategy.Pack ? table.PackBias : table.SpreadBias;
}
