using Osv.Placement.Nodes;

namespace Osv.Placement.Assigning;

/// <summary>Picks free cores of a cell from as few cache domains as possible, leaving large free domains whole.</summary>
internal static class CoreChooser
{
    /// <summary>Appends the threads of so many cores; the cell must have them. Returns how many domains they come from.</summary>
    public static int Choose(Fleet fleet, int cell, int cores, List<uint> threads)
    {
        int first = fleet.CellFirstDomain[cell], count = fleet.CellFirstDomain[cell + 1] - first, used = 0;
        Span<bool> taken = count <= 64 ? stackalloc bool[count] : new bool[count];
        taken.Clear();
        while (cores > 0)
        {
            int domain = Next(fleet.DomainFreeCores.AsSpan(first, count), taken, cores);
            taken[domain] = true;
            used++;
            for (int core = fleet.DomainFirstCore[first + domain]; cores > 0 && core < fleet.DomainFirstCore[first + domain + 1]; core++)
            {
                if (!fleet.CoreFree[core]) continue;
                for (int thread = fleet.CoreFirstThread[core]; thread < fleet.CoreFirstThread[core + 1]; thread++) threads.Add(fleet.ThreadApicId[thread]);
                cores--;
            }
        }
        return used;
    }

    /// <summary>The smallest domain that has them all, else the largest.</summary>
    private static int Next(ReadOnlySpan<int> free, ReadOnlySpan<bool> taken, int cores)
    {
        int smallest = -1, largest = -1;
        for (int i = 0; i < free.Length; i++)
        {
            if (taken[i]) continue;
            if (free[i] >= cores && (smallest < 0 || free[i] < free[smallest])) smallest = i;
            if (largest < 0 || free[i] > free[largest]) largest = i;
        }
        return smallest >= 0 ? smallest : largest;
    }
}
