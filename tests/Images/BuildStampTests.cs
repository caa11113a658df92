namespace Osv.Images.Tests;

/// <summary>What is built is built again when its sources changed, and only then.</summary>
public sealed class BuildStampTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("osv-stamp").FullName;
    private readonly string _output;

    public BuildStampTests()
    {
        foreach (string file in (string[])["Directory.Build.props", "Directory.Packages.props", "src/one.cs", "src/inner/two.cs", "other/three.cs"]) Write(file, file);
        _output = Write("artifacts/program", "built");
        Stamp.PutOn(_output);
    }

    private BuildStamp Stamp => BuildStamp.Of(_root, ["src"]);

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void What_does_not_change_what_is_built_does_not_count()
    {
        File.SetLastWriteTimeUtc(Path.Combine(_root, "src/one.cs"), DateTime.UtcNow + TimeSpan.FromHours(1));
        Write("src/obj/made.cs", "made by the build");
        Write("src/inner/bin/made", "made by the build");
        Write("other/three.cs", "not a source");
        Stamp.IsOn(_output).ShouldBeTrue();
    }

    [Theory]
    [InlineData("src/inner/two.cs", "changed")]
    [InlineData("src/inner/new.cs", "new")]
    [InlineData("Directory.Packages.props", "another version")]
    [InlineData("artifacts/program", "built from something else")]
    public void Changed_and_new_files_count(string file, string content)
    {
        Write(file, content);
        Stamp.IsOn(_output).ShouldBeFalse();
    }

    [Fact]
    public void A_deleted_source_counts()
    {
        File.Delete(Path.Combine(_root, "src/inner/two.cs"));
        Stamp.IsOn(_output).ShouldBeFalse();
    }

    [Fact]
    public void A_renamed_source_counts_until_it_has_its_name_again()
    {
        string before = Path.Combine(_root, "src/one.cs"), after = Path.Combine(_root, "src/won.cs");
        File.Move(before, after);
        Stamp.IsOn(_output).ShouldBeFalse();
        File.Move(after, before);
        Stamp.IsOn(_output).ShouldBeTrue();
    }

    [Fact]
    public void What_is_missing_or_was_never_stamped_has_to_be_built()
    {
        Stamp.IsOn(Write("artifacts/another", "built")).ShouldBeFalse();
        File.Delete(_output);
        Stamp.IsOn(_output).ShouldBeFalse();
    }

    private string Write(string name, string content)
    {
        string file = Path.Combine(_root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
        return file;
    }
}
