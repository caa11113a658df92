using System.Collections.Immutable;
using Osv.Placement.Assigning;
using Osv.Placement.Explaining;
using Osv.Placement.Filters;
using Osv.Placement.Gangs;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Preemption;
using Osv.Placement.Requests;
using Osv.Placement.Reservations;
using Osv.Placement.Scores;

namespace Osv.Placement;

/// <summary>
/// Finds places. Planning reads the fleet and leaves it as it was; only the Commit methods change it. Deterministic: the same
/// fleet and request give the same answer. One thread at a time, as the fleet itself.
/// </summary>
public sealed class Planner(Fleet fleet)
{
    private readonly NodeSet _open = new(fleet.NodeCount);
    private readonly Finalists _found = new();
    private readonly Finalists _spanning = new();

    public Fleet Fleet => fleet;

    /// <summary>A <see cref="Plan"/>, a <see cref="GangPlan"/> when the request wants several replicas, or a <see cref="Refusal"/>.</summary>
    public PlanResult Plan(PlacementRequest request) => Plan(request, within: null);

    /// <summary>The same on one node: for the committer's next candidate, with what is free there by now.</summary>
    public PlanResult PlanOn(PlacementRequest request, int node) => Plan(request, Only(node));

    /// <summary>The same among some nodes.</summary>
    public PlanResult Plan(PlacementRequest request, NodeSet? within)
    {
        if (RequestCheck.Problem(request) is { } problem) return Explainer.Invalid(fleet, request, problem);
        if (request.Replicas > 1) return GangPlanner.Plan(this, request, within);
        if (request.Claims is not null) return ReservationPlanner.Plan(this, request, within);

        var query = new Query(fleet, request);
        Search(query, within);
        if (_found.Count != 0) return new Plan(request, Assign(query), []);
        if (!request.MayPreempt) return Explainer.Refuse(query, within);
        if (PreemptionPlanner.Plan(this, query, within) is { } plan) return plan;
        Refusal refusal = Explainer.Refuse(query, within);
        return refusal with { Text = $"{refusal.Text}; stopping tenants of lower priority would not make room" };
    }

    /// <summary>How many nodes each filter leaves, and why it takes out the others; also when there is a place.</summary>
    public Explanation Explain(PlacementRequest request) => Explainer.Explain(new Query(fleet, request), within: null);

    /// <summary>Why a node is not open to a request, with its own figures; null when it is.</summary>
    public string? WhyNot(PlacementRequest request, int node) => NodeExplainer.WhyNot(new Query(fleet, request), node);

    /// <summary>Takes a candidate of a plan after checking it against the fleet as it is now. Not null: nothing changed.</summary>
    public Conflict? Commit(Plan plan, int candidate = 0)
    {
        using var trial = new Trial(fleet);
        Conflict? conflict = TryCommit(trial, plan, candidate);
        if (conflict is null) trial.Keep();
        return conflict;
    }

    /// <summary>All replicas or none.</summary>
    public Conflict? Commit(GangPlan plan)
    {
        using var trial = new Trial(fleet);
        foreach (Plan replica in plan.Replicas)
            if (TryCommit(trial, replica, candidate: 0) is { } conflict) return conflict;
        trial.Keep();
        return null;
    }

    internal Conflict? TryCommit(Trial trial, Plan plan, int candidate)
    {
        if (plan.Request.DryRun) return new Conflict(ConflictReason.DryRun, "the plan was a dry run: plan again without it");
        Assignment assignment = plan.Candidates[candidate];
        int node = fleet.FindNode(assignment.Node);
        if (node < 0) return new Conflict(ConflictReason.UnknownNode, $"there is no node {assignment.Node}");
        foreach (string name in plan.Releases)
        {
            if (fleet.FindTenant(name) is not { } leaving) return new Conflict(ConflictReason.ReleasedMeanwhile, $"{name}, which was to make room, is gone");
            trial.Remove(leaving);
        }
        if (NodeExplainer.BrokenRule(new Query(fleet, plan.Request), node) is { } rule) return new Conflict(ConflictReason.Rule, $"node {assignment.Node}: {rule}");
        return trial.Place(new PlacedTenant(plan.Request, assignment));
    }

    internal NodeSet Only(int node)
    {
        var only = new NodeSet(fleet.NodeCount);
        only.Add(node);
        return only;
    }

    /// <summary>Fills the finalists, best first.</summary>
    private void Search(Query query, NodeSet? within)
    {
        if (within is null) _open.Fill();
        else _open.CopyFrom(within);
        RuleFilters.Apply(query, _open, tally: null);
        DeviceFilter.Apply(query, _open);
        _found.Clear();
        if (_open.IsEmpty) return;
        foreach (NodeSet level in PreferredRules.Levels(query, _open))
        {
            int before = _found.Count;
            if (before == 0) SearchLevel(query, level, _found);
            else
            {
                var more = new Finalists();
                SearchLevel(query, level, more);
                _found.Append(more);
            }
            if (_found.Count == Finalists.Capacity) return;
        }
    }

    /// <summary>Nodes where one cell is enough come before all that need several.</summary>
    private void SearchLevel(Query query, NodeSet open, Finalists found)
    {
        PlaceScan.Run(query, fleet.Cells, open, found);
        FinalistScores.Rank(query, found.Items);
        if (query.OneCell || found.Count == Finalists.Capacity) return;
        _spanning.Clear();
        PlaceScan.Run(query, fleet.Whole, open, _spanning);
        found.Append(_spanning);
    }

    private ImmutableArray<Assignment> Assign(Query query)
    {
        int count = Math.Min(_found.Count, query.Request.Alternatives + 1);
        ImmutableArray<Assignment>.Builder candidates = ImmutableArray.CreateBuilder<Assignment>(count);
        for (int i = 0; i < count; i++) candidates.Add(Assigner.Assign(query, _found.Items[i]));
        return candidates.MoveToImmutable();
    }
}
