using System.Collections.Immutable;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;

namespace Osv.Placement.Draining;

/// <summary>Moves that would leave nodes empty.</summary>
public sealed record ConsolidationProposal(ImmutableArray<string> Emptied, ImmutableArray<TenantMove> Moves);

/// <summary>Proposes to empty the least used nodes into others that are in use. It only proposes.</summary>
public static class Consolidation
{
    /// <param name="maxMoves">Tenants that may be moved in all.</param>
    public static ConsolidationProposal Propose(Planner planner, int maxMoves)
    {
        Fleet fleet = planner.Fleet;
        var inUse = new NodeSet(fleet.NodeCount);
        inUse.CopyFrom(fleet.InState(NodeState.Ready));
        inUse.ExceptWith(fleet.Empty);
        List<int> order = [];
        foreach (int node in inUse) order.Add(node);
        order.Sort((a, b) => Used(fleet, a).CompareTo(Used(fleet, b)) is var by and not 0 ? by : a.CompareTo(b));

        ImmutableArray<string>.Builder emptied = ImmutableArray.CreateBuilder<string>();
        ImmutableArray<TenantMove>.Builder moves = ImmutableArray.CreateBuilder<TenantMove>();
        var receivers = new NodeSet(fleet.NodeCount);
        using var trial = new Trial(fleet);
        foreach (int node in order)
        {
            // A node that took tenants in is not emptied again: nobody moves twice.
            if (receivers.Contains(node) || moves.Count + fleet.TenantsOn(node).Count > maxMoves) continue;
            int depth = trial.Depth;
            inUse.Remove(node);
            (ImmutableArray<TenantMove> leaving, ImmutableArray<DrainBlocker> blockers) = DrainPlanner.MoveAll(planner, trial, node, inUse);
            if (blockers.IsEmpty)
            {
                emptied.Add(fleet.Nodes[node].Name);
                moves.AddRange(leaving);
                foreach (TenantMove move in leaving) receivers.Add(fleet.FindNode(move.To.Best.Node));
            }
            else
            {
                trial.RollBack(depth);
                inUse.Add(node);
            }
        }
        return new ConsolidationProposal(emptied.DrainToImmutable(), moves.DrainToImmutable());
    }

    private static float Used(Fleet fleet, int node) =>
        Math.Max(1 - fleet.Whole.FreeCores[node] * fleet.Whole.CoreWeight[node], 1 - fleet.Whole.FreeUnits[node] * fleet.Whole.UnitWeight[node]);
}
