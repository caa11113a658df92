namespace Osv.Monitor.Guards.Code;

/// <summary>One machine instruction in AT&amp;T syntax: sources first, destination last.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Mnemonic">Without prefixes.</param>
/// <param name="Operands">As objdump prints them.</param>
/// <param name="Target">Where a direct jump or call goes.</param>
/// <param name="Refers">What a RIP-relative operand points at.</param>
public sealed record Instruction(ulong Address, string Mnemonic, IReadOnlyList<string> Operands, ulong? Target, ulong? Refers)
{
    public string Destination => Operands.Count == 0 ? "" : Operands[^1];
    public bool IsCall => Mnemonic is "call" or "callq" or "lcall";
    public bool IsJump => Mnemonic is "jmp" or "jmpq" or "ljmp";
    public bool IsConditionalJump => Mnemonic[0] == 'j' && !IsJump;
    public bool IsIndirect => (IsCall || IsJump) && Target is null;
    /// <summary>INT3 is what ilc puts behind a call that does not return.</summary>
    public bool EndsHere => Mnemonic is "ret" or "retq" or "iretq" or "ud2" or "int3";
    public bool OnlyReads => Mnemonic.StartsWith("cmp", StringComparison.Ordinal) && !Mnemonic.StartsWith("cmpx", StringComparison.Ordinal)
        || Mnemonic.StartsWith("test", StringComparison.Ordinal) || Mnemonic is "bt" or "btl" or "btq";

    public override string ToString() => $"{Mnemonic} {string.Join(',', Operands)}".TrimEnd();
}

/// <summary>A constant in a jump, an adjustment or an address, as objdump prints it: <c>$0x10</c>, <c>-0x8(%rbp)</c>.</summary>
internal static class Operand
{
    public static bool IsImmediate(string operand, out long value)
    {
        value = 0;
        return operand.StartsWith('$') && TryHex(operand.AsSpan(1), out value);
    }

    /// <summary>Displacement from one base register, nothing else.</summary>
    public static bool IsBased(string operand, string register, out long displacement)
    {
        displacement = 0;
        return operand.EndsWith($"({register})", StringComparison.Ordinal) && (operand.Length == register.Length + 2 || TryHex(operand.AsSpan(0, operand.Length - register.Length - 2), out displacement));
    }

    public static bool IsMemory(string operand) => operand.Contains('(', StringComparison.Ordinal) || operand.Contains(':', StringComparison.Ordinal);

    private static bool TryHex(ReadOnlySpan<char> text, out long value)
    {
        bool negative = text.StartsWith('-');
        if (negative) text = text[1..];
        value = 0;
        if (!text.StartsWith("0x") || !ulong.TryParse(text[2..], System.Globalization.NumberStyles.HexNumber, null, out ulong bits)) return false;
        value = negative ? -unchecked((long)bits) : unchecked((long)bits);
        return true;
    }
}
