using Osv.Placement.Nodes;

namespace Osv.Placement.Assigning;

/// <summary>
/// Picks the fewest cells of a node that have the cores, and the memory too where any cells of cores have it; of equally
/// many those with fewest cores left over. Exact up to a number of steps that nodes of up to eight cells never reach.
/// </summary>
internal sealed class CellChooser
{
    private const int MaxSteps = 20_000;
    private readonly Fleet _fleet;
    private readonly int[] _cells;
    private readonly int _cores;
    private readonly int[] _picked;
    private int[]? _best;
    private long _bestLeft;
    private int _steps;

    private CellChooser(Fleet fleet, int node, int cores)
    {
        _fleet = fleet;
        _cores = cores;
        _cells = [.. Enumerable.Range(fleet.Cells.First[node], fleet.Cells.First[node + 1] - fleet.Cells.First[node])
            .Where(cell => fleet.Cells.FreeCores[cell] > 0)
            .OrderByDescending(cell => fleet.Cells.FreeCores[cell])];
        _picked = new int[_cells.Length];
    }

    /// <summary>Cells with most free cores first; each gives at least one core. The node must have the cores.</summary>
    public static int[] Choose(Fleet fleet, int node, int cores, int units)
    {
        var chooser = new CellChooser(fleet, node, cores);
        return chooser.Search(units) ?? chooser.Search(0) ?? throw new InvalidOperationException($"node {fleet.Nodes[node].Name} lacks {cores} free cores");
    }

    private int[]? Search(int units)
    {
        for (int size = 1; size <= Math.Min(_cells.Length, _cores); size++)
        {
            _best = null;
            _bestLeft = long.MaxValue;
            _steps = 0;
            Extend(0, 0, size, 0, 0, units);
            if (_best is not null) return _best;
        }
        return null;
    }

    private void Extend(int from, int picked, int size, int cores, int units, int wantedUnits)
    {
        if (picked == size)
        {
            if (cores < _cores || units < wantedUnits || cores - _cores >= _bestLeft) return;
            _bestLeft = cores - _cores;
            _best = _picked[..size];
            return;
        }
        for (int i = from; i <= _cells.Length - (size - picked); i++)
        {
            int cell = _cells[i], free = _fleet.Cells.FreeCores[cell];
            // Sorted by free cores: the rest cannot have more than this one each.
            if (cores + (long)free * (size - picked) < _cores || ++_steps > MaxSteps) return;
            _picked[picked] = cell;
            Extend(i + 1, picked + 1, size, cores + free, Math.Min(int.MaxValue / 2, units + _fleet.Cells.ReachableUnits[cell]), wantedUnits);
        }
    }
}
