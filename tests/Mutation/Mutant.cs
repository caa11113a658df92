using Microsoft.CodeAnalysis.Text;

namespace Osv.Mutation;

/// <summary>One change of one source file.</summary>
/// <param name="File">File name in monitor/Policy.</param>
/// <param name="Rule">Which kind of change.</param>
/// <param name="Span">What is replaced.</param>
/// <param name="Replacement">By what.</param>
/// <param name="Line">The first line that changes, trimmed, and what it becomes.</param>
internal sealed record Mutant(string File, string Rule, TextSpan Span, string Replacement, string Line, string Changed)
{
    /// <summary>Names the mutant in reports and in the list of equivalent ones; no line numbers, so that it lasts.</summary>
    public string Name => $"{File} | {Rule} | {Line} | {Changed}";

    public SourceText Apply(SourceText source) => source.Replace(Span, Replacement);
}
