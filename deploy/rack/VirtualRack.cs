using System.Text.Json;

namespace Osv.Rack;

/// <summary>The nodes kept in one folder, each with its shape and its logs.</summary>
/// <param name="folder">Created when the first node is added. Socket paths are limited to 107 bytes, so keep it short.</param>
public sealed class VirtualRack(string folder)
{
    private const string ShapeFile = "shape.json";
    private const string LongestSocketName = "/nic15.switch";
    private const int LongestSocketPath = 107;

    public IReadOnlyList<VirtualNode> Nodes => !Directory.Exists(folder)
        ? []
        : [.. Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal)
            .Where(node => File.Exists(Path.Combine(node, ShapeFile)))
            .Select(node => new VirtualNode(JsonSerializer.Deserialize<VirtualNodeShape>(File.ReadAllText(Path.Combine(node, ShapeFile)))!, node))];

    /// <summary>A new node, switched off; or the one of that name, when its shape is the same.</summary>
    /// <exception cref="RackException">The shape cannot be built, or a node of that name has another one.</exception>
    public VirtualNode Add(VirtualNodeShape shape)
    {
        shape.Validate();
        IReadOnlyList<VirtualNode> nodes = Nodes;
        string home = Path.Combine(folder, shape.Name);
        if (nodes.FirstOrDefault(node => node.Shape.Name == shape.Name) is { } there)
        {
            if (there.Shape != shape with { Number = there.Shape.Number }) throw new RackException($"node {shape.Name} is there already with another shape: remove it first");
            // An earlier version gave no numbers.
            if (there.Shape.Number != 0) return there;
        }
        HashSet<int> taken = [.. nodes.Select(node => node.Shape.Number)];
        shape = shape with { Number = Enumerable.Range(1, CardAddresses.LastNode).FirstOrDefault(number => !taken.Contains(number)) };
        if (shape.Number == 0) throw new RackException($"the rack in {folder} has {nodes.Count} nodes, and no more have room in it");
        if (home.Length + LongestSocketName.Length > LongestSocketPath) throw new RackException($"the path {home} is too long for a socket: keep the rack in a folder with a shorter name");
        Directory.CreateDirectory(home);
        // At once, for whoever looks through the rack meanwhile.
        string file = Path.Combine(home, ShapeFile), part = file + ".part";
        File.WriteAllText(part, JsonSerializer.Serialize(shape));
        File.Move(part, file, overwrite: true);
        return new VirtualNode(shape, home);
    }

    /// <summary>Switches the node off and forgets it, logs and all.</summary>
    public async Task RemoveAsync(VirtualNode node, CancellationToken cancel)
    {
        await node.PowerOffAsync(cancel).ConfigureAwait(false);
        Directory.Delete(Path.Combine(folder, node.Shape.Name), recursive: true);
    }
}
