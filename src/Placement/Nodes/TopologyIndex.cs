namespace Osv.Placement.Nodes;

/// <summary>Racks or power domains, numbered in the order in which nodes name them.</summary>
internal sealed class TopologyIndex
{
    private readonly List<string> _names = [];
    private readonly int[][] _nodes;

    public TopologyIndex(IReadOnlyList<string> domainOfNode)
    {
        var numbers = new Dictionary<string, int>();
        var members = new List<List<int>>();
        DomainOf = new int[domainOfNode.Count];
        for (int node = 0; node < domainOfNode.Count; node++)
        {
            if (!numbers.TryGetValue(domainOfNode[node], out int domain))
            {
                numbers[domainOfNode[node]] = domain = members.Count;
                members.Add([]);
                _names.Add(domainOfNode[node]);
            }
            DomainOf[node] = domain;
            members[domain].Add(node);
        }
        _nodes = [.. members.Select(list => list.ToArray())];
    }

    public int Count => _nodes.Length;
    public int[] DomainOf { get; }
    public ReadOnlySpan<int> NodesOf(int domain) => _nodes[domain];
    public string NameOf(int domain) => _names[domain];
}
