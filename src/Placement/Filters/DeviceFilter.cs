using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Osv.Placement.Nodes;
using Osv.Placement.Requests;

namespace Osv.Placement.Filters;

/// <summary>Only nodes with enough free functions of a class, wherever on the node they lie. Eight nodes at once.</summary>
internal static class DeviceFilter
{
    public static void Apply(Query query, NodeSet nodes)
    {
        for (int i = 0; i < query.DeviceClasses.Length; i++) Apply(query, i, nodes);
    }

    /// <param name="i">Which of the request's device classes.</param>
    public static void Apply(Query query, int i, NodeSet nodes)
    {
        if (query.DeviceClasses[i] < 0)
        {
            nodes.Clear();
            return;
        }
        ref int free = ref MemoryMarshal.GetArrayDataReference(query.Fleet.Whole.Devices[query.DeviceClasses[i]]);
        Vector256<int> wanted = Vector256.Create(query.Request.Devices[i].Count);
        ReadOnlySpan<ulong> words = nodes.Words;
        for (int word = 0; word < words.Length; word++)
        {
            if (words[word] == 0) continue;
            ulong mask = 0;
            int end = Math.Min(64, nodes.Capacity - word * 64);
            for (int lane = 0; lane < end; lane += 8)
            {
                Vector256<int> here = Vector256.LoadUnsafe(ref free, (nuint)(word * 64 + lane));
                mask |= (ulong)Vector256.GreaterThanOrEqual(here, wanted).ExtractMostSignificantBits() << lane;
            }
            nodes.Mask(word, mask);
        }
    }
}
