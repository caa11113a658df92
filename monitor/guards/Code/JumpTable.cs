using System.Buffers.Binary;
using Osv.Monitor.Guards.Image;

namespace Osv.Monitor.Guards.Code;

/// <summary>
/// The one indirect jump that ilc makes, for a dense switch: the index is compared with its limit, a 32-bit offset is read
/// from a table in .rodata and added to an address in the same routine.
/// </summary>
/// <param name="Targets">Where it can go; empty when it is not understood.</param>
/// <param name="Problem">Why it is not a switch of this form, else null.</param>
internal sealed record JumpTable(IReadOnlyList<ulong> Targets, string? Problem)
{
    private const int Window = 12, MaxEntries = 256;

    public static JumpTable Read(CodeMap code, Routine routine, int place)
    {
        string register = routine.Instructions[place].Destination.TrimStart('*');
        ulong? table = null, origin = null;
        long? last = null;
        string? tableRegister = null, originRegister = null;
        for (int i = place - 1; i >= 0 && i >= place - Window && last is null; i--)
        {
            Instruction at = routine.Instructions[i];
            if (originRegister is null)
            {
                if (at.Mnemonic != "add" || at.Destination != register) break;
                originRegister = at.Operands[0];
            }
            else if (origin is null && at.Mnemonic == "lea" && at.Destination == originRegister) origin = at.Refers;
            else if (tableRegister is null && at.Mnemonic == "mov" && at.Operands[0].EndsWith(",4)", StringComparison.Ordinal)) tableRegister = at.Operands[0][1..at.Operands[0].IndexOf(',', StringComparison.Ordinal)];
            else if (table is null && at.Mnemonic == "lea" && at.Destination == tableRegister) table = at.Refers;
            else if (at.Mnemonic == "ja" && i > 0 && routine.Instructions[i - 1] is { Mnemonic: "cmp" } limit && Operand.IsImmediate(limit.Operands[0], out long above)) last = above;
            else if (at.Mnemonic == "and" && Operand.IsImmediate(at.Operands[0], out long mask) && ((mask + 1) & mask) == 0) last = mask;
        }
        if (origin is null || table is null) return new JumpTable([], "it is not a jump table of ilc");
        if (last is not (>= 0 and < MaxEntries)) return new JumpTable([], "nothing limits its index");
        ElfSection constants = code.Image.Section(".rodata");
        if (!constants.Contains(table.Value) || !constants.Contains(table.Value + (ulong)last * 4 + 3)) return new JumpTable([], "its table does not lie in .rodata");

        var targets = new List<ulong>();
        for (int i = 0; i <= last; i++)
        {
            ReadOnlySpan<byte> entry = constants.Data.Span[((int)(table.Value - constants.Address) + i * 4)..];
            ulong target = origin.Value + BinaryPrimitives.ReadUInt32LittleEndian(entry);
            if (routine.Place(target) is null) return new JumpTable([], $"entry {i} of its table leaves the function");
            targets.Add(target);
        }
        return new JumpTable(targets, null);
    }
}
