using System.Reflection;
using System.Reflection.Metadata;

namespace Osv.Monitor.Guards.Il;

/// <summary>Which static fields are read, and which are ever written or pointed at.</summary>
internal sealed class StaticFields(MetadataReader metadata)
{
    private readonly Dictionary<FieldDefinitionHandle, (MethodDefinitionHandle Method, int Offset)> _read = [];
    private readonly HashSet<FieldDefinitionHandle> _written = [];

    public void Note(IlInstruction instruction, MethodDefinitionHandle method)
    {
        if (instruction.Operation is not (ILOpCode.Ldsfld or ILOpCode.Ldsflda or ILOpCode.Stsfld) || instruction.Token.Kind != HandleKind.FieldDefinition) return;
        var field = (FieldDefinitionHandle)instruction.Token;
        if (instruction.Operation == ILOpCode.Ldsfld) _read.TryAdd(field, (method, instruction.Offset));
        else _written.Add(field);
    }

    public IEnumerable<(string Field, MethodDefinitionHandle Reader, int Offset)> ReadButNeverWritten()
    {
        foreach ((FieldDefinitionHandle handle, (MethodDefinitionHandle method, int offset)) in _read)
        {
            FieldDefinition field = metadata.GetFieldDefinition(handle);
            if (_written.Contains(handle) || (field.Attributes & FieldAttributes.HasFieldRVA) != 0) continue;
            yield return ($"{metadata.GetString(metadata.GetTypeDefinition(field.GetDeclaringType()).Name)}.{metadata.GetString(field.Name)}", method, offset);
        }
    }
}
