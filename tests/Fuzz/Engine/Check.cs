using System.Diagnostics.CodeAnalysis;

namespace Osv.Fuzz.Engine;

/// <summary>An invariant that an input has broken.</summary>
public sealed class FindingException(string message) : Exception(message);

/// <summary>Invariants of the targets. Messages are constants: a check costs a comparison.</summary>
internal static class Check
{
    public static void That([DoesNotReturnIf(false)] bool holds, string invariant)
    {
        if (!holds) throw new FindingException(invariant);
    }
}
