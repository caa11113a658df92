namespace Osv.Monitor.Guards.Tests;

/// <summary>The monitor built with samples in it, or with something left out, in a folder of its own.</summary>
internal sealed class SampleBuild : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("osv-guards-");

    public SampleBuild()
    {
        Directory.CreateDirectory(Boot);
        foreach (string path in Directory.EnumerateFiles(Toolchain.Boot, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(Boot, Path.GetRelativePath(Toolchain.Boot, path));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(path, copy);
        }
        Sources = [.. Toolchain.MonitorSources()];
    }

    public string Boot => Path.Combine(_folder.FullName, "boot");
    public string Output => Path.Combine(_folder.FullName, "out");
    private List<string> Sources { get; }

    /// <summary>Adds every C# and assembly file of a folder of samples.</summary>
    public SampleBuild With(string samples)
    {
        string folder = Path.Combine(Toolchain.Samples, samples);
        Sources.AddRange(Directory.EnumerateFiles(folder, "*.cs"));
        foreach (string path in Directory.EnumerateFiles(folder, "*.asm")) File.Copy(path, Path.Combine(Boot, "long", Path.GetFileName(path)));
        return this;
    }

    /// <summary>Takes a text out of a file of the monitor, or puts another in its place.</summary>
    public SampleBuild Without(string file, string text, string instead = "")
    {
        int place = Sources.FindIndex(source => source.EndsWith(file, StringComparison.Ordinal));
        string path = place >= 0 ? Sources[place] : Path.Combine(Boot, file);
        string before = File.ReadAllText(path), after = before.Replace(text, instead, StringComparison.Ordinal);
        after.ShouldNotBe(before, $"{file} no longer contains what this sample takes out of it");
        if (place >= 0) path = Sources[place] = Path.Combine(_folder.FullName, Path.GetFileName(file));
        File.WriteAllText(path, after);
        return this;
    }

    /// <summary>csc, then link.sh with its guards.</summary>
    public async Task<BuildResult> RunAsync(CancellationToken cancel)
    {
        string assembly = Path.Combine(_folder.FullName, "Osv.Monitor.dll"), response = Path.Combine(_folder.FullName, "sources.rsp");
        await File.WriteAllLinesAsync(response, Sources.Select(source => $"\"{source}\""), cancel);
        (int status, string output) = await Toolchain.RunAsync(_folder.FullName, "dotnet",
        [
            Toolchain.Compiler, "/noconfig", "/nostdlib", "/nologo", "/unsafe+", "/checked+", "/optimize+", "/deterministic", "/debug:embedded", "/target:library", "/langversion:latest",
            "/nullable:enable", "/runtimemetadataversion:v4.0.30319", "/define:FREESTANDING", $"/out:{assembly}", $"@{response}",
        ], cancel);
        status.ShouldBe(0, $"the samples must compile: the guards come after the compiler. {output}");
        (status, output) = await Toolchain.RunAsync(_folder.FullName, "bash", [Path.Combine(Boot, "link.sh"), assembly, Toolchain.IlcPackage, Boot, Output, Toolchain.Guards], cancel);
        return new BuildResult(status, [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries)]);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}

/// <summary>How a build ended and what it printed.</summary>
internal sealed record BuildResult(int Status, IReadOnlyList<string> Lines)
{
    public IEnumerable<string> Errors => Lines.Where(line => line.Contains(": error ", StringComparison.Ordinal));

    /// <summary>One error of this guard at this place, with these words in its message; and the build has failed.</summary>
    public void ShouldRefuse(string where, string guard, string words)
    {
        Status.ShouldNotBe(0, "the build must fail");
        Errors.Any(line => line.Split($": error {guard}: ") is [var place, var message] && place.Contains(where, StringComparison.Ordinal) && message.Contains(words, StringComparison.Ordinal))
            .ShouldBeTrue($"no error {guard} at {where} saying '{words}' among:\n{string.Join('\n', Lines)}");
    }
}
