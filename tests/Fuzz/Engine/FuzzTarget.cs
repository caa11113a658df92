namespace Osv.Fuzz.Engine;

/// <summary>One surface that takes input from outside, and what must hold whatever comes.</summary>
public abstract class FuzzTarget
{
    /// <summary>Also the name of its folder in Corpus.</summary>
    public abstract string Name { get; }

    /// <summary>What the bytes are to it, and where they come from.</summary>
    public abstract string Surface { get; }

    /// <summary>Longer inputs show nothing that these do not.</summary>
    public virtual int MaxBytes => 256;

    /// <summary>Its part in a long run, beside the others'; a slow one has less.</summary>
    public virtual double Weight => 1;

    /// <summary>Once, before the first input.</summary>
    public virtual void SetUp()
    {
    }

    /// <summary>Executes one input. Whatever it throws is a finding. The same input always does the same.</summary>
    public abstract void Run(ReadOnlySpan<byte> input);

    /// <summary>Inputs to begin with: what a well-behaved guest or peer sends.</summary>
    public virtual IEnumerable<byte[]> Seeds() => [];

    public static IReadOnlyList<FuzzTarget> All { get; } = [.. Targets.TargetList.Create()];

    /// <exception cref="ArgumentException">There is no such target.</exception>
    public static FuzzTarget Named(string name) => All.FirstOrDefault(target => target.Name == name)
        ?? throw new ArgumentException($"there is no target '{name}': name one of {string.Join(", ", All.Select(target => target.Name))}");
}
