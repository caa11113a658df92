using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;
using Osv.Placement.Scores;

namespace Osv.Placement.Assigning;

/// <summary>Turns a place into concrete cores, memory and device counts. Takes nothing from the fleet.</summary>
internal static class Assigner
{
    public static Assignment Assign(Query query, Finalist place)
    {
        Fleet fleet = query.Fleet;
        ReadOnlySpan<int> cells = place.Cell >= 0 ? [place.Cell] : CellChooser.Choose(fleet, place.Node, query.Cores, query.Units);
        Span<int> shares = cells.Length <= 64 ? stackalloc int[cells.Length] : new int[cells.Length];
        var threads = new List<uint>(query.Cores * 2);
        int left = query.Cores, domains = 0;
        for (int i = 0; i < cells.Length; i++)
        {
            // Fullest use of the first cells, but one core at least from each.
            shares[i] = Math.Min(fleet.Cells.FreeCores[cells[i]], left - (cells.Length - 1 - i));
            left -= shares[i];
            domains += CoreChooser.Choose(fleet, cells[i], shares[i], threads);
        }
        int[] others = query.OneCell ? [] : Others(fleet, place.Node, cells);
        List<MemoryPiece> pieces = MemoryChooser.Choose(fleet, cells, shares, others, query.Units);
        Span<(int, int, uint)> ranges = new (int, int, uint)[pieces.Count];
        for (int i = 0; i < ranges.Length; i++) ranges[i] = (pieces[i].Start, pieces[i].Units, fleet.CellId[pieces[i].Cell]);
        var cellIds = new uint[cells.Length];
        for (int i = 0; i < cellIds.Length; i++) cellIds[i] = fleet.CellId[cells[i]];
        return new Assignment
        {
            Node = fleet.Nodes[place.Node].Name,
            Threads = [.. threads],
            Memory = GuestMemory.Layout(ranges),
            Devices = query.DeviceClasses.Length == 0 ? [] : Grants(query, cells, others),
            Cells = ImmutableCollectionsMarshal.AsImmutableArray(cellIds),
            CacheDomains = domains,
        };
    }

    private static int[] Others(Fleet fleet, int node, ReadOnlySpan<int> cells)
    {
        int first = fleet.Cells.First[node], count = 0;
        var others = new int[fleet.Cells.First[node + 1] - first - cells.Length];
        for (int cell = first; cell < fleet.Cells.First[node + 1]; cell++)
            if (!cells.Contains(cell)) others[count++] = cell;
        return others;
    }

    /// <summary>Functions from the cores' own cells first.</summary>
    private static ImmutableArray<DeviceGrant> Grants(Query query, ReadOnlySpan<int> cells, ReadOnlySpan<int> others)
    {
        Fleet fleet = query.Fleet;
        if (query.OneCell && !query.LocalDevices) others = Others(fleet, fleet.Cells.NodeOf[cells[0]], cells);
        ImmutableArray<DeviceGrant>.Builder grants = ImmutableArray.CreateBuilder<DeviceGrant>(query.DeviceClasses.Length);
        for (int i = 0; i < query.DeviceClasses.Length; i++)
        {
            int left = query.Request.Devices[i].Count;
            foreach (int cell in cells) Grant(cell);
            foreach (int cell in others) Grant(cell);

            void Grant(int cell)
            {
                int count = Math.Min(left, fleet.Cells.Devices[query.DeviceClasses[i]][cell]);
                if (count == 0) return;
                grants.Add(new DeviceGrant(query.Request.Devices[i].Class, fleet.CellId[cell], count));
                left -= count;
            }
        }
        return grants.DrainToImmutable();
    }
}
