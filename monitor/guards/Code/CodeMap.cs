using System.Diagnostics;
using System.Globalization;
using Osv.Monitor.Guards.Image;

namespace Osv.Monitor.Guards.Code;

/// <summary>The image's functions, by objdump.</summary>
public sealed class CodeMap
{
    private static readonly string[] Prefixes = ["lock", "rep", "repz", "repnz", "data16", "cs", "ds", "notrack", "bnd", "rex.W"];

    /// <summary>Where the processor comes in 64-bit mode: the boot core, every other core, and traps.</summary>
    public const string BootEntry = "enter64", CoreEntry = "start_core64", TrapEntry = "trap_stubs";
    private const int TrapStubBytes = 16;

    private readonly Dictionary<ulong, Routine> _byStart;

    private CodeMap(ElfFile image, IReadOnlyList<Routine> routines)
    {
        Image = image;
        Routines = routines;
        _byStart = routines.ToDictionary(routine => routine.Start);
    }

    public ElfFile Image { get; }

    /// <summary>Only 64-bit code: of the boot code no more than the two entries.</summary>
    public IReadOnlyList<Routine> Routines { get; }

    public Routine? At(ulong start) => _byStart.GetValueOrDefault(start);

    public Routine Named(string symbol) => At(Image.Address(symbol)) ?? throw new InvalidDataException($"{symbol} is not the start of a function in {Image.Path}");

    /// <summary>Places at which a function is entered.</summary>
    public static IEnumerable<int> Entries(Routine routine) => routine.Name == TrapEntry
        ? Enumerable.Range(0, (int)(routine.End - routine.Start) / TrapStubBytes).Select(i => routine.Place(routine.Start + (ulong)(i * TrapStubBytes))).OfType<int>()
        : [0];

    public static CodeMap Read(ElfFile image)
    {
        ulong bootEnd = image.Address("__entry_end"), textEnd = image.Section(".text") is { } text ? text.Address + text.Bytes : 0;
        List<(string Name, List<Instruction> Code)> all = [];
        foreach (string line in Disassemble(image.Path))
        {
            if (line.EndsWith(">:", StringComparison.Ordinal))
            {
                string name = line[(line.IndexOf('<', StringComparison.Ordinal) + 1)..^2];
                if (all.Count == 0 || !name.Contains('.', StringComparison.Ordinal)) all.Add((name, []));
            }
            else if (all.Count != 0 && Parse(line) is { } instruction)
            {
                all[^1].Code.Add(instruction);
            }
        }
        all.RemoveAll(routine => routine.Code.Count == 0);
        List<Routine> routines = [];
        for (int i = 0; i < all.Count; i++)
        {
            ulong start = all[i].Code[0].Address, end = i + 1 < all.Count ? all[i + 1].Code[0].Address : textEnd;
            bool boot = start < bootEnd;
            if (!boot || all[i].Name is BootEntry or CoreEntry) routines.Add(new Routine(all[i].Name, all[i].Code, end, boot));
        }
        return new CodeMap(image, routines);
    }

    private static IEnumerable<string> Disassemble(string path)
    {
        using Process objdump = Process.Start(new ProcessStartInfo("objdump", ["-d", "-w", "-j", ".text", "--no-show-raw-insn", path]) { RedirectStandardOutput = true })
            ?? throw new InvalidOperationException("objdump does not start; it is in the Debian package binutils");
        while (objdump.StandardOutput.ReadLine() is { } line) yield return line;
        objdump.WaitForExit();
        if (objdump.ExitCode != 0) throw new InvalidOperationException($"objdump ended with status {objdump.ExitCode} on {path}");
    }

    private static Instruction? Parse(string line)
    {
        int colon = line.IndexOf(":\t", StringComparison.Ordinal);
        if (colon < 0 || !ulong.TryParse(line.AsSpan(0, colon).Trim(), NumberStyles.HexNumber, null, out ulong address)) return null;
        string text = line[(colon + 2)..].Trim();
        ulong? refers = null;
        int comment = text.IndexOf('#', StringComparison.Ordinal);
        if (comment >= 0)
        {
            refers = LeadingHex(text[(comment + 1)..].Trim());
            text = text[..comment].TrimEnd();
        }
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        int first = 0;
        while (first + 1 < words.Length && Prefixes.Contains(words[first])) first++;
        if (words.Length == 0) return null;
        string mnemonic = words[first], operands = string.Join(' ', words[(first + 1)..]);
        bool branches = mnemonic[0] == 'j' || mnemonic.StartsWith("call", StringComparison.Ordinal);
        return new Instruction(address, mnemonic, Split(operands), branches && !operands.StartsWith('*') ? LeadingHex(operands) : null, refers);
    }

    private static ulong? LeadingHex(string text)
    {
        int end = 0;
        while (end < text.Length && char.IsAsciiHexDigit(text[end])) end++;
        return end != 0 && ulong.TryParse(text.AsSpan(0, end), NumberStyles.HexNumber, null, out ulong value) ? value : null;
    }

    private static List<string> Split(string operands)
    {
        List<string> parts = [];
        int start = 0, nested = 0;
        for (int i = 0; i < operands.Length; i++)
        {
            nested += operands[i] switch { '(' or '<' => 1, ')' or '>' => -1, _ => 0 };
            if (operands[i] != ',' || nested != 0) continue;
            parts.Add(operands[start..i]);
            start = i + 1;
        }
        if (start < operands.Length) parts.Add(operands[start..]);
        return parts;
    }
}
