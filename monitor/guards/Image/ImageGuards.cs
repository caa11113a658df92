namespace Osv.Monitor.Guards.Image;

/// <summary>What lies where in the linked image, and how much of it.</summary>
public static class ImageGuards
{
    private const long MaxBytes = Count.TrustedBase.MaxImageBytes;

    /// <param name="elf">The linked image with its symbols.</param>
    /// <param name="flatBytes">Size of what is loaded at 1 MiB.</param>
    public static IReadOnlyList<Finding> Check(ElfFile elf, long flatBytes)
    {
        List<Finding> findings = [];
        foreach (ElfSymbol symbol in elf.Symbols)
        {
            if (symbol.Name.EndsWith("___cctor", StringComparison.Ordinal))
                findings.Add(new Finding(symbol.Name, "NoStaticConstructor", "a static constructor or initialiser that ilc cannot evaluate never runs in ring 0, the fields stay zero; use a constant, or assign it in start-up code"));
            if (IsStatics(symbol.Name) && symbol.Section is { Name: not ".bss" })
                findings.Add(new Finding(symbol.Name, "ReadOnlyData", "a static field with an initial value lies in memory that is read-only once the monitor is up; make it const, or assign it in start-up code"));
        }
        foreach (string boundary in (string[])["__text_end", "__data_start", "__bss_start", "__image_end"])
            if (elf.Address(boundary) % 4096 != 0)
                findings.Add(new Finding(boundary, "PageRights", $"{boundary} is at {elf.Address(boundary):x}, not at the start of a page, so the pages beside it cannot have different rights; align it in boot/monitor.ld"));
        foreach (ElfSection section in elf.Sections.Where(section => section.Address != 0 && section.Name is not (".text" or ".rodata" or ".data" or ".bss")))
            findings.Add(new Finding(section.Name, "PageRights", $"section {section.Name} is not placed by boot/monitor.ld, so nobody knows what rights its pages get; put it with .text, .rodata, .data or .bss there"));
        if (flatBytes > MaxBytes) findings.Add(new Finding("monitor", "ImageSize", $"the image has {flatBytes} bytes, the limit is {MaxBytes}; see what grew with: nm --size-sort artifacts/monitor/monitor.elf"));
        return findings;
    }

    /// <summary>ilc's names for the static fields of a type.</summary>
    private static bool IsStatics(string symbol) => symbol.StartsWith("__NONGCSTATICS", StringComparison.Ordinal) || symbol.StartsWith("__GCSTATICS", StringComparison.Ordinal);
}
