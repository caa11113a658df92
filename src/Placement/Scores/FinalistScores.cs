using Osv.Placement.Nodes;
using Osv.Placement.Requests;

namespace Osv.Placement.Scores;

/// <summary>Scores that are too dear to compute for every place: they rank the finalists among each other.</summary>
internal static class FinalistScores
{
    /// <summary>Per cache domain beyond the first.</summary>
    public const float CacheDomain = 0.25f;
    /// <summary>Per class of functions of which the cell has too few.</summary>
    public const float DistantDevice = 2f;

    public static void Rank(Query query, Span<Finalist> finalists)
    {
        for (int i = 0; i < finalists.Length; i++)
        {
            if (finalists[i].Cell < 0) continue;
            float extra = CacheDomain * (CacheDomains(query.Fleet, finalists[i].Cell, query.Cores) - 1) + DistantDevice * DistantDevices(query, finalists[i].Cell);
            finalists[i] = finalists[i] with { Score = finalists[i].Score + extra };
        }
        // Insertion keeps equals in order, so that the result depends on the fleet and nothing else.
        for (int i = 1; i < finalists.Length; i++)
        {
            Finalist moving = finalists[i];
            int at = i;
            for (; at > 0 && finalists[at - 1].Score > moving.Score; at--) finalists[at] = finalists[at - 1];
            finalists[at] = moving;
        }
    }

    /// <summary>The fewest cache domains of a cell that have so many free cores together.</summary>
    public static int CacheDomains(Fleet fleet, int cell, int cores)
    {
        ReadOnlySpan<int> free = fleet.DomainFreeCores.AsSpan(fleet.CellFirstDomain[cell], fleet.CellFirstDomain[cell + 1] - fleet.CellFirstDomain[cell]);
        Span<int> sorted = free.Length <= 64 ? stackalloc int[free.Length] : new int[free.Length];
        free.CopyTo(sorted);
        sorted.Sort();
        int count = 0;
        for (int i = sorted.Length - 1; cores > 0 && i >= 0; i--, count++) cores -= sorted[i];
        return count;
    }

    public static int DistantDevices(Query query, int cell)
    {
        int distant = 0;
        for (int i = 0; i < query.DeviceClasses.Length; i++)
            if (query.Fleet.Cells.Devices[query.DeviceClasses[i]][cell] < query.Request.Devices[i].Count) distant++;
        return distant;
    }
}
