using System.Collections.Frozen;
using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;

namespace Osv.Monitor.Guards.Il;

/// <summary>One instruction of a method body.</summary>
/// <param name="Offset">In the body, in bytes.</param>
/// <param name="Operation">ECMA-335 III.</param>
/// <param name="Token">The metadata token it carries, else nil.</param>
internal readonly record struct IlInstruction(int Offset, ILOpCode Operation, EntityHandle Token);

/// <summary>Splits a method body into instructions.</summary>
internal static class IlReader
{
    private static readonly FrozenDictionary<ushort, OperandType> Operands = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToFrozenDictionary(code => unchecked((ushort)code.Value), code => code.OperandType);

    public static IEnumerable<IlInstruction> Instructions(MethodBodyBlock body)
    {
        List<IlInstruction> instructions = [];
        BlobReader reader = body.GetILReader();
        while (reader.RemainingBytes > 0)
        {
            int offset = reader.Offset;
            ushort code = reader.ReadByte();
            if (code == 0xFE) code = (ushort)(0xFE00 | reader.ReadByte());
            EntityHandle token = default;
            switch (Operands[code])
            {
                case OperandType.InlineNone:
                    break;
                case OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar:
                    reader.Offset += 1;
                    break;
                case OperandType.InlineVar:
                    reader.Offset += 2;
                    break;
                case OperandType.InlineI8 or OperandType.InlineR:
                    reader.Offset += 8;
                    break;
                case OperandType.InlineSwitch:
                    int targets = reader.ReadInt32();
                    reader.Offset += 4 * targets;
                    break;
                case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType:
                    token = MetadataTokens.EntityHandle(reader.ReadInt32());
                    break;
                default:
                    reader.Offset += 4;
                    break;
            }
            instructions.Add(new IlInstruction(offset, (ILOpCode)code, token));
        }
        return instructions;
    }
}
