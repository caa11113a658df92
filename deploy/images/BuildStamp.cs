namespace Osv.Images;

/// <summary>Whether something built is younger than all it was built from.</summary>
public static class BuildStamp
{
    private static readonly string[] s_everywhere = ["Directory.Packages.props", "Directory.Build.props"];

    /// <param name="root">The working copy.</param>
    /// <param name="output">A file.</param>
    /// <param name="sources">Folders of the working copy.</param>
    public static bool IsFresh(string root, string output, IEnumerable<string> sources)
    {
        if (!File.Exists(output)) return false;
        DateTime built = File.GetLastWriteTimeUtc(output);
        return sources.SelectMany(folder => Sources(Path.Combine(root, folder)))
            .Concat(s_everywhere.Select(file => Path.Combine(root, file)))
            .All(file => File.GetLastWriteTimeUtc(file) < built);
    }

    private static IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(folder).Concat(Directory.EnumerateDirectories(folder)
            .Where(inner => Path.GetFileName(inner) is not ("bin" or "obj")).SelectMany(Sources));
}
