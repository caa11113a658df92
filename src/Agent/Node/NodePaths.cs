namespace Osv.Agent.Node;

/// <summary>Where the agent keeps what outlives its process but not the management Linux.</summary>
public sealed record NodePaths(string Root)
{
    public string Desired => Path.Combine(Root, "desired");
    public string Consoles => Path.Combine(Root, "consoles");
    public string Images => Path.Combine(Root, "images");
    public string Status => Path.Combine(Root, "status.json");

    /// <summary>Whoever reads sees the old or the new content, never a part.</summary>
    /// <exception cref="IOException">There is no memory for it.</exception>
    public static void WriteWhole(string path, ReadOnlySpan<byte> content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path + ".part", content);
        File.Move(path + ".part", path, overwrite: true);
    }
}
