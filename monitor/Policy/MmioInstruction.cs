using System;

namespace Osv.Monitor.Policy;

/// <summary>
/// A 32-bit load or store at a page that is emulated: MOV with opcodes 89h, 8Bh and C7h /0, all that Linux uses there
/// (APM vol. 3, MOV). Total over all bytes; whatever else a guest executes at such a page is refused.
/// </summary>
public struct MmioInstruction
{
    public const int MaxLength = 15;

    public bool IsWrite;
    public bool HasImmediate;
    public uint Immediate;
    /// <summary>Number of the general register that is stored or loaded, 0 (RAX) to 15.</summary>
    public int Register;
    /// <summary>Bytes.</summary>
    public int Length;

    /// <summary>False when the bytes are not such an instruction, or end before it does.</summary>
    public static bool Decode(ReadOnlySpan<byte> bytes, out MmioInstruction instruction)
    {
        instruction = default;
        int at = 0;
        uint rex = 0;
        if (bytes.Length > 0 && (bytes[0] & 0xF0) == 0x40) rex = bytes[at++];
        const uint Wide = 8, ExtendRegister = 4;
        if ((rex & Wide) != 0 || bytes.Length - at < 2) return false;

        byte opcode = bytes[at++], modRm = bytes[at++];
        if (opcode is not (0x89 or 0x8B or 0xC7)) return false;
        int mode = modRm >> 6, register = (modRm >> 3) & 7, memory = modRm & 7;
        if (mode == 3 || (opcode == 0xC7 && register != 0)) return false;

        int displacement = mode switch { 1 => 1, 2 => 4, _ => memory == 5 ? 4 : 0 };
        if (memory == 4)
        {
            if (bytes.Length - at < 1) return false;
            if (mode == 0 && (bytes[at] & 7) == 5) displacement = 4;
            at++;
        }
        at += displacement;

        instruction.IsWrite = opcode != 0x8B;
        instruction.Register = register | ((rex & ExtendRegister) != 0 ? 8 : 0);
        if (opcode == 0xC7)
        {
            if (bytes.Length - at < 4) return false;
            instruction.HasImmediate = true;
            for (int i = 3; i >= 0; i--) instruction.Immediate = (instruction.Immediate << 8) | bytes[at + i];
            at += 4;
        }
        instruction.Length = at;
        return at <= bytes.Length;
    }
}
