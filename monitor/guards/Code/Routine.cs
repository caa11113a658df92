namespace Osv.Monitor.Guards.Code;

/// <summary>The instructions from one symbol to the next; nasm's local labels do not count as symbols.</summary>
public sealed class Routine
{
    private readonly Dictionary<ulong, int> _places;

    public Routine(string name, IReadOnlyList<Instruction> instructions, ulong end, bool isBoot)
    {
        Name = name;
        Instructions = instructions;
        End = end;
        IsBoot = isBoot;
        _places = instructions.Select((instruction, place) => (instruction.Address, place)).ToDictionary(pair => pair.Address, pair => pair.place);
    }

    public string Name { get; }
    public IReadOnlyList<Instruction> Instructions { get; }
    public ulong Start => Instructions[0].Address;
    public ulong End { get; }

    /// <summary>Part of boot/long/entry.asm, which also holds 16- and 32-bit code and sets the stack up.</summary>
    public bool IsBoot { get; }

    public int? Place(ulong address) => _places.TryGetValue(address, out int place) ? place : null;

    /// <summary>The name as C# has it, near enough to find it.</summary>
    public string Shown => Name.Replace("Osv_Monitor_Osv_Monitor_", "", StringComparison.Ordinal).Replace("__", ".", StringComparison.Ordinal);
}
