using System.Security.Cryptography;

namespace Osv.Images;

/// <summary>
/// What something is built from: names and content of all its sources, so that one that is gone or has another name counts as well.
/// OUTPUT.stamp says what OUTPUT was built from and what came out, for others build the same file.
/// </summary>
public sealed class BuildStamp
{
    private static readonly string[] s_everywhere = ["Directory.Packages.props", "Directory.Build.props"];
    private readonly string _sources;

    private BuildStamp(string sources) => _sources = sources;

    /// <summary>The sources as they are now: taken before a build, so that what changes meanwhile is built next time.</summary>
    /// <param name="root">The working copy.</param>
    /// <param name="folders">Folders of the working copy.</param>
    public static BuildStamp Of(string root, IEnumerable<string> folders)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in folders.SelectMany(folder => Files(Path.Combine(root, folder))).Concat(s_everywhere.Select(file => Path.Combine(root, file))).Order(StringComparer.Ordinal))
        {
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes($"{HashOf(file)}  {Path.GetRelativePath(root, file)}\n"));
        }
        return new BuildStamp(Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>Whether the file was built from these sources and is as it was built.</summary>
    public bool IsOn(string output)
    {
        string record = Record(output);
        return File.Exists(output) && File.Exists(record) && File.ReadAllText(record) == Text(output);
    }

    /// <summary>Says that the file was built from these sources.</summary>
    public void PutOn(string output) => File.WriteAllText(Record(output), Text(output));

    private string Text(string output) => $"{_sources}  sources\n{HashOf(output)}  output\n";

    private static string Record(string output) => output + ".stamp";

    private static string HashOf(string file)
    {
        using FileStream content = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(content));
    }

    private static IEnumerable<string> Files(string folder) =>
        Directory.EnumerateFiles(folder).Concat(Directory.EnumerateDirectories(folder)
            .Where(inner => Path.GetFileName(inner) is not ("bin" or "obj")).SelectMany(Files));
}
