using Osv.Monitor.Guards;
using Osv.Monitor.Guards.Code;
using Osv.Monitor.Guards.Count;
using Osv.Monitor.Guards.Il;
using Osv.Monitor.Guards.Image;

// il ASSEMBLY                                what csc made, before ilc stumbles over it
// objects MANAGED ASSEMBLED...               what goes into the linker
// image ELF FLAT_IMAGE                       what came out of it
// count SOURCE_LIST BOOT_FOLDER BOOT_IMAGE   how much is trusted
// Each prints its findings as errors and ends with status 1 when there are any.
switch (args)
{
    case ["il", { } assembly]:
        return Report(IlGuards.Check(assembly));
    case ["objects", { } managed, .. var assembled]:
        return Report(ObjectGuards.Check(managed, assembled));
    case ["image", { } elf, { } flat]:
        ElfFile linked = ElfFile.Read(elf);
        CodeMap code = CodeMap.Read(linked);
        StackBound bound = StackBound.Compute(code);
        int status = Report([.. ImageGuards.Check(linked, new FileInfo(flat).Length), .. CodeGuards.Check(code), .. JumpGuards.Check(code), .. bound.Findings]);
        if (status == 0) Console.WriteLine($"monitor: {bound.Summary}");
        return status;
    case ["count", { } list, { } boot, { } image]:
        TrustedBase count = TrustedBase.Measure(File.ReadLines(list), boot, image);
        Console.WriteLine($"monitor: trusted base: {count}");
        return Report(count.Check());
    default:
        Console.Error.WriteLine("usage: il ASSEMBLY | objects MANAGED ASSEMBLED... | image ELF FLAT_IMAGE | count SOURCE_LIST BOOT_FOLDER BOOT_IMAGE");
        return 2;
}

static int Report(IReadOnlyList<Finding> findings)
{
    foreach (Finding finding in findings) Console.Error.WriteLine(finding);
    return findings.Count == 0 ? 0 : 1;
}
