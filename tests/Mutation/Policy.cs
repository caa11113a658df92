using System.Reflection;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;

namespace Osv.Mutation;

/// <summary>The policy's sources and the explorer's, ready to be compiled with a change.</summary>
internal sealed class Policy
{
    public const string AssemblyName = "Osv.Monitor.Policy";

    private readonly Dictionary<string, SyntaxTree> _trees = [];
    private readonly CSharpCompilation _shipped;
    private readonly CSharpParseOptions _parsing = new(LanguageVersion.Latest);

    public IReadOnlyList<Mutant> Mutants { get; }

    public Policy()
    {
        foreach (string file in Sources("PolicySources")) _trees.Add(Path.GetFileName(file), Parse(file));
        string references = (string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!;
        _shipped = CSharpCompilation.Create(
            AssemblyName,
            [.. _trees.Values, .. Sources("ExplorerSources").Select(Parse)],
            references.Split(Path.PathSeparator)
                .Where(path => Path.GetFileName(path) is { } name && (name.StartsWith("System.", StringComparison.Ordinal) || name == "Osv.Contracts.dll"))
                .Select(path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(
                OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, checkOverflow: true, optimizationLevel: OptimizationLevel.Release, nullableContextOptions: NullableContextOptions.Enable));
        Mutants = [.. _trees.SelectMany(tree => MutantFinder.Find(tree.Key, tree.Value))];
    }

    /// <summary>The assembly, or null when the change does not compile.</summary>
    /// <param name="mutant">Null: as shipped.</param>
    public byte[]? Compile(Mutant? mutant)
    {
        CSharpCompilation changed = _shipped;
        if (mutant != null)
        {
            SyntaxTree tree = _trees[mutant.File];
            changed = _shipped.ReplaceSyntaxTree(tree, tree.WithChangedText(mutant.Apply(tree.GetText())));
        }
        using var image = new MemoryStream();
        return changed.Emit(image).Success ? image.ToArray() : null;
    }

    private SyntaxTree Parse(string file) => CSharpSyntaxTree.ParseText(SourceText.From(File.ReadAllText(file)), _parsing, file);

    private static IEnumerable<string> Sources(string key) =>
        Directory.EnumerateFiles(typeof(Policy).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!, "*.cs").Order(StringComparer.Ordinal);
}
