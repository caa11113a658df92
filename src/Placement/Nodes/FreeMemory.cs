namespace Osv.Placement.Nodes;

/// <summary>A free stretch of one cell's memory, in units of 2 MiB. Entry is the memory table's entry that it lies in.</summary>
public readonly record struct FreeRange(int Start, int Units, int Entry)
{
    public int End => Start + Units;
}

/// <summary>
/// The free ranges of one cell, sorted by address. Neighbours merge only inside one entry of the memory table, because an
/// extent must lie in one entry. The value depends on what is free and on nothing else: not on the order of changes.
/// </summary>
public sealed class FreeMemory
{
    private FreeRange[] _ranges = new FreeRange[2];
    private int _count;

    public ReadOnlySpan<FreeRange> Ranges => _ranges.AsSpan(0, _count);
    public int Units { get; private set; }

    /// <summary>Adds free memory; it must not overlap what is free already.</summary>
    public void Free(FreeRange range)
    {
        int at = FirstAfter(range.Start);
        Units += range.Units;
        bool joinsBefore = at > 0 && _ranges[at - 1].End == range.Start && _ranges[at - 1].Entry == range.Entry;
        bool joinsAfter = at < _count && _ranges[at].Start == range.End && _ranges[at].Entry == range.Entry;
        if (joinsBefore && joinsAfter)
        {
            _ranges[at - 1] = _ranges[at - 1] with { Units = _ranges[at - 1].Units + range.Units + _ranges[at].Units };
            RemoveAt(at);
        }
        else if (joinsBefore) _ranges[at - 1] = _ranges[at - 1] with { Units = _ranges[at - 1].Units + range.Units };
        else if (joinsAfter) _ranges[at] = range with { Units = range.Units + _ranges[at].Units };
        else InsertAt(at, range);
    }

    /// <summary>Takes a stretch that lies in one free range. False when some of it is not free; nothing changes then.</summary>
    public bool Take(int start, int units)
    {
        int at = FirstAfter(start) - 1;
        if (at < 0 || units <= 0 || start + units > _ranges[at].End) return false;
        FreeRange old = _ranges[at];
        Units -= units;
        bool before = start > old.Start, after = start + units < old.End;
        FreeRange tail = new(start + units, old.End - start - units, old.Entry);
        if (before)
        {
            _ranges[at] = old with { Units = start - old.Start };
            if (after) InsertAt(at + 1, tail);
        }
        else if (after) _ranges[at] = tail;
        else RemoveAt(at);
        return true;
    }

    /// <summary>True when the whole stretch lies in one free range.</summary>
    public bool IsFree(int start, int units)
    {
        int at = FirstAfter(start) - 1;
        return at >= 0 && units > 0 && start + units <= _ranges[at].End;
    }

    /// <summary>Index of the first range that starts after an address.</summary>
    private int FirstAfter(int start)
    {
        int low = 0, high = _count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_ranges[middle].Start <= start) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    private void InsertAt(int at, FreeRange range)
    {
        if (_count == _ranges.Length) Array.Resize(ref _ranges, _count * 2);
        Array.Copy(_ranges, at, _ranges, at + 1, _count - at);
        _ranges[at] = range;
        _count++;
    }

    private void RemoveAt(int at)
    {
        _count--;
        Array.Copy(_ranges, at + 1, _ranges, at, _count - at);
    }
}
