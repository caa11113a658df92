using System.Globalization;

namespace Osv.Monitor.Guards.Count;

/// <summary>What has to be right for partitions to be kept apart: code without blanks and comments, and the bytes it becomes.</summary>
/// <param name="CSharpLines">Of every file the compiler was given for the ring-0 image.</param>
/// <param name="AssemblyLines">Of every nasm file under boot.</param>
/// <param name="ImageBytes">Of the boot image.</param>
public sealed record TrustedBase(int CSharpLines, int AssemblyLines, long ImageBytes)
{
    /// <summary>The most there may be (docs/adr/0013): under 4,700 and under 700.</summary>
    public const int MaxCSharpLines = 4_699, MaxAssemblyLines = 699;
    public const long MaxImageBytes = 160 << 10;

    /// <param name="sources">Paths of the C# files.</param>
    /// <param name="boot">The folder with the .asm and .inc files.</param>
    /// <param name="image">The boot image.</param>
    public static TrustedBase Measure(IEnumerable<string> sources, string boot, string image) => new(
        sources.Where(path => path.Length != 0).Sum(path => LineCounter.CSharp(File.ReadAllText(path))),
        Directory.EnumerateFiles(boot, "*", SearchOption.AllDirectories).Where(path => Path.GetExtension(path) is ".asm" or ".inc").Sum(path => LineCounter.Assembly(File.ReadAllText(path))),
        new FileInfo(image).Length);

    /// <summary>A finding for every limit that is passed.</summary>
    public IReadOnlyList<Finding> Check()
    {
        List<Finding> findings = [];
        if (CSharpLines > MaxCSharpLines) findings.Add(new Finding("monitor", "TrustedBase", $"{CSharpLines} lines of C#, the limit is {MaxCSharpLines}; move what need not be trusted to the agent"));
        if (AssemblyLines > MaxAssemblyLines) findings.Add(new Finding("monitor", "TrustedBase", $"{AssemblyLines} lines of assembly, the limit is {MaxAssemblyLines}; say in C# what C# can say"));
        if (ImageBytes > MaxImageBytes) findings.Add(new Finding("monitor", "TrustedBase", $"the image has {ImageBytes} bytes, the limit is {MaxImageBytes}; see what grew with: nm --size-sort artifacts/monitor/monitor.elf"));
        return findings;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{CSharpLines:N0} lines of C# (limit {MaxCSharpLines:N0}), {AssemblyLines:N0} of assembly (limit {MaxAssemblyLines:N0}), image {ImageBytes:N0} bytes (limit {MaxImageBytes:N0})");
}
