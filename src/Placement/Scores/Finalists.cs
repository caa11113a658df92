namespace Osv.Placement.Scores;

/// <summary>A place that takes the request. Lower scores are better.</summary>
/// <param name="Cell">Index of the one cell that holds cores and memory, or -1 when the node's cells do together.</param>
internal readonly record struct Finalist(int Node, int Cell, float Score);

/// <summary>The best places found so far, each on another node, best first; of equals the one found first.</summary>
internal sealed class Finalists
{
    public const int Capacity = 8;
    private readonly Finalist[] _items = new Finalist[Capacity];

    public int Count { get; private set; }
    /// <summary>Only a score below this gets in.</summary>
    public float Threshold { get; private set; } = float.PositiveInfinity;
    public Span<Finalist> Items => _items.AsSpan(0, Count);

    public void Clear()
    {
        Count = 0;
        Threshold = float.PositiveInfinity;
    }

    public bool HasNode(int node)
    {
        foreach (Finalist item in Items)
            if (item.Node == node) return true;
        return false;
    }

    public void Offer(Finalist candidate)
    {
        if (!(candidate.Score < Threshold)) return;
        for (int i = 0; i < Count; i++)
        {
            if (_items[i].Node != candidate.Node) continue;
            if (_items[i].Score <= candidate.Score) return;
            Items[(i + 1)..].CopyTo(_items.AsSpan(i));
            Count--;
            break;
        }
        int at = Count < Capacity ? Count++ : Capacity - 1;
        for (; at > 0 && _items[at - 1].Score > candidate.Score; at--) _items[at] = _items[at - 1];
        _items[at] = candidate;
        Threshold = Count == Capacity ? _items[^1].Score : float.PositiveInfinity;
    }

    /// <summary>Appends those on nodes that are not in yet, as far as there is room, whatever their score.</summary>
    public void Append(Finalists others)
    {
        foreach (Finalist other in others.Items)
            if (Count < Capacity && !HasNode(other.Node)) _items[Count++] = other;
    }
}
