using Osv.Placement.Nodes;
using Osv.Placement.Plans;

namespace Osv.Placement.Filters;

/// <summary>Counts what each filter takes out of a set, when somebody wants to know why.</summary>
internal sealed class FilterTally
{
    private readonly List<Rejection> _rejections = [];
    private readonly List<Survivors> _funnel = [];

    public IReadOnlyList<Rejection> Rejections => _rejections;
    public IReadOnlyList<Survivors> Funnel => _funnel;

    /// <param name="one">The rest of the sentence after "1".</param>
    /// <param name="many">The rest of the sentence after a larger number.</param>
    public void Add(string filter, string dimension, int nodes, string one, string many)
    {
        if (nodes != 0) _rejections.Add(new Rejection(filter, dimension, nodes, nodes == 1 ? one : many));
    }

    public void Survived(string filter, NodeSet nodes)
    {
        if (_funnel.Count != 0 && _funnel[^1].Filter == filter) _funnel.RemoveAt(_funnel.Count - 1);
        _funnel.Add(new Survivors(filter, nodes.Count));
    }
}
