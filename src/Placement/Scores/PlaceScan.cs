using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Osv.Placement.Nodes;
using Osv.Placement.Requests;

namespace Osv.Placement.Scores;

/// <summary>Filters by free cores, memory and local devices, and scores, eight places at once; keeps the best.</summary>
internal static class PlaceScan
{
    private const int Lanes = 8;

    /// <param name="table">Cells or whole nodes.</param>
    /// <param name="open">Nodes that the rules leave.</param>
    public static void Run(Query query, ResourceTable table, NodeSet open, Finalists best)
    {
        ref int freeCores = ref MemoryMarshal.GetArrayDataReference(table.FreeCores);
        ref int units = ref MemoryMarshal.GetArrayDataReference(table.ReachableUnits);
        ref float coreWeight = ref MemoryMarshal.GetArrayDataReference(table.CoreWeight);
        ref float unitWeight = ref MemoryMarshal.GetArrayDataReference(table.UnitWeight);
        ref float bias = ref MemoryMarshal.GetArrayDataReference(FitScore.BiasOf(table, query.Request.Strategy));
        ref float onEmptyNode = ref MemoryMarshal.GetArrayDataReference(table.OnEmptyNode);
        FitScore fit = FitScore.Of(query.Fleet, query.Request.Strategy);
        Vector256<int> wantedCores = Vector256.Create(query.Cores), wantedUnits = Vector256.Create(query.Units);
        Vector256<float> left = Vector256.Create(fit.Left), after = Vector256.Create(fit.After), before = Vector256.Create(fit.Before);
        Vector256<float> ratio = Vector256.Create(fit.Ratio), ratioLess = Vector256.Create(1 - fit.Ratio), emptyNode = Vector256.Create(fit.EmptyNode);
        Vector256<float> askedCores = Vector256.Create((float)query.Cores), askedUnits = Vector256.Create((float)query.Units), threshold = Vector256.Create(best.Threshold);
        int localDevices = query.LocalDevices ? query.DeviceClasses.Length : 0;
        bool cells = ReferenceEquals(table, query.Fleet.Cells);

        ReadOnlySpan<ulong> words = open.Words;
        for (int word = 0; word < words.Length; word++)
        {
            if (words[word] == 0) continue;
            int end = table.First[Math.Min(open.Capacity, (word + 1) * 64)];
            for (int place = table.First[word * 64]; place < end; place += Lanes)
            {
                Vector256<int> coresLeft = Vector256.LoadUnsafe(ref freeCores, (nuint)place) - wantedCores;
                Vector256<int> unitsLeft = Vector256.LoadUnsafe(ref units, (nuint)place) - wantedUnits;
                Vector256<int> lacking = coresLeft | unitsLeft;        // negative where either is
                for (int i = 0; i < localDevices; i++)
                    lacking |= Vector256.LoadUnsafe(ref table.Devices[query.DeviceClasses[i]][place]) - Vector256.Create(query.Request.Devices[i].Count);
                if (lacking.ExtractMostSignificantBits() == 0xFF) continue;

                Vector256<float> perCore = Vector256.LoadUnsafe(ref coreWeight, (nuint)place), perUnit = Vector256.LoadUnsafe(ref unitWeight, (nuint)place);
                Vector256<float> coreShare = Vector256.ConvertToSingle(coresLeft) * perCore, unitShare = Vector256.ConvertToSingle(unitsLeft) * perUnit;
                // In use is 1 less what is left: (1 - cores) - ratio * (1 - memory).
                Vector256<float> lopsided = ratioLess - coreShare + ratio * unitShare;
                Vector256<float> lopsidedBefore = lopsided - (askedCores * perCore - ratio * askedUnits * perUnit);
                Vector256<float> score = left * (coreShare + unitShare) + after * Vector256.Abs(lopsided) - before * Vector256.Abs(lopsidedBefore)
                    + emptyNode * Vector256.LoadUnsafe(ref onEmptyNode, (nuint)place) + Vector256.LoadUnsafe(ref bias, (nuint)place);
                uint better = Vector256.LessThan(score, threshold).ExtractMostSignificantBits() & ~lacking.ExtractMostSignificantBits();
                if (end - place < Lanes) better &= (1u << (end - place)) - 1;
                if (better == 0) continue;
                for (; better != 0; better &= better - 1)
                {
                    int lane = System.Numerics.BitOperations.TrailingZeroCount(better);
                    int node = table.NodeOf[place + lane];
                    if (open.Contains(node)) best.Offer(new Finalist(node, cells ? place + lane : -1, score[lane]));
                }
                threshold = Vector256.Create(best.Threshold);
            }
        }
    }
}
