namespace Osv.Placement.Nodes;

/// <summary>
/// Free resources of places, one array per kind so that a scan reads eight places at once. There is one table whose places
/// are NUMA cells and one whose places are whole nodes; places of a node lie next to each other, in node order.
/// </summary>
public sealed class ResourceTable
{
    /// <summary>Vector loads may run this far past the last place.</summary>
    private const int Padding = 16;

    internal ResourceTable(int count, int nodes, int deviceClasses)
    {
        Count = count;
        NodeOf = new int[count + Padding];
        First = new int[nodes + 1];
        Cores = new int[count + Padding];
        Units = new int[count + Padding];
        FreeCores = new int[count + Padding];
        FreeUnits = new int[count + Padding];
        ReachableUnits = new int[count + Padding];
        CoreWeight = new float[count + Padding];
        UnitWeight = new float[count + Padding];
        PackBias = new float[count + Padding];
        SpreadBias = new float[count + Padding];
        OnEmptyNode = new float[count + Padding];
        Devices = new int[deviceClasses][];
        for (int i = 0; i < deviceClasses; i++) Devices[i] = new int[count + Padding];
    }

    public int Count { get; }
    /// <summary>Node of each place.</summary>
    internal int[] NodeOf { get; }
    /// <summary>First place of each node; one more entry closes the last.</summary>
    internal int[] First { get; }
    /// <summary>Physical cores and units of 2 MiB that tenants may have in all.</summary>
    internal int[] Cores { get; }
    internal int[] Units { get; }
    internal int[] FreeCores { get; }
    internal int[] FreeUnits { get; }
    /// <summary>Units in the <see cref="PartitionLimits.MaxRanges"/> largest free ranges: the most one partition can get.</summary>
    internal int[] ReachableUnits { get; }
    /// <summary>One over <see cref="Cores"/> and over <see cref="Units"/>; 0 where there are none.</summary>
    internal float[] CoreWeight { get; }
    internal float[] UnitWeight { get; }
    /// <summary>The part of the score that no request changes. Lower is better.</summary>
    internal float[] PackBias { get; }
    internal float[] SpreadBias { get; }
    /// <summary>1 where the node has no tenant, else 0.</summary>
    internal float[] OnEmptyNode { get; }
    /// <summary>Free functions by class and place.</summary>
    internal int[][] Devices { get; }

    public ReadOnlySpan<int> FreeCoresOf(int node) => FreeCores.AsSpan(First[node], First[node + 1] - First[node]);
    public ReadOnlySpan<int> FreeUnitsOf(int node) => FreeUnits.AsSpan(First[node], First[node + 1] - First[node]);
    public ReadOnlySpan<int> ReachableUnitsOf(int node) => ReachableUnits.AsSpan(First[node], First[node + 1] - First[node]);
    public ReadOnlySpan<int> CoresOf(int node) => Cores.AsSpan(First[node], First[node + 1] - First[node]);
    public ReadOnlySpan<int> UnitsOf(int node) => Units.AsSpan(First[node], First[node + 1] - First[node]);

    internal void SetWeights()
    {
        for (int i = 0; i < Count; i++)
        {
            CoreWeight[i] = Cores[i] == 0 ? 0 : 1f / Cores[i];
            UnitWeight[i] = Units[i] == 0 ? 0 : 1f / Units[i];
        }
    }
}
