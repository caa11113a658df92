using Osv.Placement.Assigning;
using Osv.Placement.Filters;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;
using Osv.Placement.Scores;

namespace Osv.Placement.Bench.Policies;

/// <summary>Finds a place for a request on a fleet; null when there is none.</summary>
internal interface IPolicy
{
    string Name { get; }
    Assignment? Choose(PlacementRequest request);
}

/// <summary>The planner itself.</summary>
internal sealed class PlannerPolicy(Fleet fleet) : IPolicy
{
    private readonly Planner _planner = new(fleet);

    public string Name => "planner";

    public Assignment? Choose(PlacementRequest request) => _planner.Plan(request) is Plan plan ? plan.Best : null;
}

/// <summary>
/// A simple policy: the same filters and the same choice of cores and memory as the planner's, but its own choice of the
/// cell, looked for one by one.
/// </summary>
internal abstract class SimplePolicy(Fleet fleet) : IPolicy
{
    private readonly NodeSet _open = new(fleet.NodeCount);

    public abstract string Name { get; }

    public Assignment? Choose(PlacementRequest request)
    {
        var query = new Query(fleet, request);
        _open.Fill();
        RuleFilters.Apply(query, _open, tally: null);
        DeviceFilter.Apply(query, _open);
        int cell = ChooseCell(query, _open);
        return cell < 0 ? null : Assigner.Assign(query, new Finalist(fleet.Cells.NodeOf[cell], cell, 0));
    }

    protected abstract int ChooseCell(Query query, NodeSet open);

    protected static bool Fits(Query query, ResourceTable cells, int cell) =>
        cells.FreeCores[cell] >= query.Cores && cells.ReachableUnits[cell] >= query.Units
        && ResourceFilters.HasDevices(query, cells, cell, query.LocalDevices ? query.DeviceClasses.Length : 0);
}

/// <summary>The first cell that has enough.</summary>
internal sealed class FirstFit(Fleet fleet) : SimplePolicy(fleet)
{
    public override string Name => "first-fit";

    protected override int ChooseCell(Query query, NodeSet open)
    {
        ResourceTable cells = query.Fleet.Cells;
        foreach (int node in open)
            for (int cell = cells.First[node]; cell < cells.First[node + 1]; cell++)
                if (Fits(query, cells, cell)) return cell;
        return -1;
    }
}

/// <summary>The cell with the fewest cores left.</summary>
internal sealed class BestFit(Fleet fleet) : SimplePolicy(fleet)
{
    public override string Name => "best-fit";

    protected override int ChooseCell(Query query, NodeSet open)
    {
        ResourceTable cells = query.Fleet.Cells;
        int best = -1;
        foreach (int node in open)
            for (int cell = cells.First[node]; cell < cells.First[node + 1]; cell++)
                if ((best < 0 || cells.FreeCores[cell] < cells.FreeCores[best]) && Fits(query, cells, cell)) best = cell;
        return best;
    }
}

/// <summary>Any cell that has enough, each with the same chance.</summary>
internal sealed class RandomFit(Fleet fleet) : SimplePolicy(fleet)
{
    private readonly Random _random = new(1);

    public override string Name => "random";

    protected override int ChooseCell(Query query, NodeSet open)
    {
        ResourceTable cells = query.Fleet.Cells;
        int chosen = -1, seen = 0;
        foreach (int node in open)
            for (int cell = cells.First[node]; cell < cells.First[node + 1]; cell++)
                if (Fits(query, cells, cell) && _random.Next(++seen) == 0) chosen = cell;
        return chosen;
    }
}

/// <summary>The cell in use whose free resources point most in the direction of the request; an unused one only when none other fits.</summary>
internal sealed class DotProduct(Fleet fleet) : SimplePolicy(fleet)
{
    public override string Name => "dot-product";

    protected override int ChooseCell(Query query, NodeSet open)
    {
        ResourceTable cells = query.Fleet.Cells;
        int best = -1;
        double most = double.NegativeInfinity;
        foreach (int node in open)
        {
            for (int cell = cells.First[node]; cell < cells.First[node + 1]; cell++)
            {
                if (!Fits(query, cells, cell)) continue;
                double cores = cells.CoreWeight[cell], units = cells.UnitWeight[cell];
                double product = query.Cores * cores * cells.FreeCores[cell] * cores + query.Units * units * cells.ReachableUnits[cell] * units;
                if (query.Fleet.Empty.Contains(node)) product -= 10;
                if (product > most) (most, best) = (product, cell);
            }
        }
        return best;
    }
}
