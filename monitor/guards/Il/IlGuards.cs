using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Osv.Monitor.Guards.Il;

/// <summary>
/// Constructs that compile and then do nothing, or need a runtime that ring 0 has not. Looked for in what the C# compiler
/// made of the source, so that using, lock, foreach, lambdas and params are seen for what they are.
/// </summary>
public static class IlGuards
{
    /// <param name="path">The monitor's assembly, before ilc.</param>
    public static IReadOnlyList<Finding> Check(string path)
    {
        using var image = new PEReader(File.OpenRead(path));
        using var lines = new SourceLines(image);
        MetadataReader metadata = image.GetMetadataReader();
        var statics = new StaticFields(metadata);
        List<Finding> findings = [];
        foreach (MethodDefinitionHandle handle in metadata.MethodDefinitions)
        {
            MethodDefinition method = metadata.GetMethodDefinition(handle);
            string name = $"{metadata.GetString(metadata.GetTypeDefinition(method.GetDeclaringType()).Name)}.{metadata.GetString(method.Name)}";
            CheckDeclaration(metadata, method, name, findings);
            if (method.RelativeVirtualAddress == 0) continue;

            MethodBodyBlock body = image.GetMethodBody(method.RelativeVirtualAddress);
            foreach (ExceptionRegion region in body.ExceptionRegions)
                findings.Add(new Finding(lines.Of(handle, region.HandlerOffset, name), "NoExceptions", "a try with catch, finally, using or lock compiles and its handler never runs in ring 0; return a status instead"));
            foreach (IlInstruction instruction in IlReader.Instructions(body))
            {
                statics.Note(instruction, handle);
                if (Forbidden(metadata, instruction) is var (guard, message)) findings.Add(new Finding(lines.Of(handle, instruction.Offset, name), guard, message));
            }
        }
        foreach ((string field, MethodDefinitionHandle reader, int offset) in statics.ReadButNeverWritten())
            findings.Add(new Finding(lines.Of(reader, offset, field), "NeverWritten", $"{field} is read but no C# writes it, so ilc replaces it by zero; what assembly writes must be reached through a symbol (Cpu.Symbol)"));
        return findings;
    }

    private static void CheckDeclaration(MetadataReader metadata, MethodDefinition method, string name, List<Finding> findings)
    {
        if ((method.Attributes & MethodAttributes.PinvokeImpl) != 0)
            findings.Add(new Finding(name, "NoInterop", "a P/Invoke drags in a transition of the garbage collector; import an assembly routine with InternalCall and RuntimeImport"));
        foreach (CustomAttributeHandle handle in method.GetCustomAttributes())
        {
            string attribute = AttributeName(metadata, metadata.GetCustomAttribute(handle));
            if (attribute is "UnmanagedCallersOnlyAttribute" or "SuppressGCTransitionAttribute")
                findings.Add(new Finding(name, "NoInterop", $"{attribute} drags in a transition of the garbage collector; use RuntimeExport for entry points and RuntimeImport for assembly routines"));
        }
    }

    private static string AttributeName(MetadataReader metadata, CustomAttribute attribute)
    {
        EntityHandle type = attribute.Constructor.Kind == HandleKind.MethodDefinition
            ? metadata.GetMethodDefinition((MethodDefinitionHandle)attribute.Constructor).GetDeclaringType()
            : metadata.GetMemberReference((MemberReferenceHandle)attribute.Constructor).Parent;
        return type.Kind == HandleKind.TypeDefinition ? metadata.GetString(metadata.GetTypeDefinition((TypeDefinitionHandle)type).Name) : "";
    }

    private static (string Guard, string Message)? Forbidden(MetadataReader metadata, IlInstruction instruction) => instruction.Operation switch
    {
        ILOpCode.Throw or ILOpCode.Rethrow => ("NoExceptions", "throw cannot be caught in ring 0; return a status, or call Panic.Because when the monitor itself is broken"),
        ILOpCode.Newobj when IsClass(metadata, instruction.Token) => ("NoAllocation", "new of a class (or a lambda) needs a heap, and ring 0 has none; use a struct, a static class, or memory taken at start"),
        ILOpCode.Newarr => ("NoAllocation", "new of an array needs a heap, and ring 0 has none; use stackalloc, an inline array, or memory taken at start"),
        ILOpCode.Box => ("NoAllocation", "boxing a value needs a heap, and ring 0 has none; constrain a type parameter to the interface instead"),
        ILOpCode.Calli or ILOpCode.Ldftn or ILOpCode.Ldvirtftn => ("NoFunctionPointer", "a function pointer makes an indirect call, which a guest can mislead and the stack bound cannot follow; use a static abstract interface member or a switch"),
        ILOpCode.Volatile => ("NoVolatile", "a volatile field still lets ilc drop reads that are not used; read and write it through Cpu.Load32 and Cpu.Store32"),
        _ => null,
    };

    private static bool IsClass(MetadataReader metadata, EntityHandle constructor)
    {
        EntityHandle type = constructor.Kind switch
        {
            HandleKind.MethodDefinition => metadata.GetMethodDefinition((MethodDefinitionHandle)constructor).GetDeclaringType(),
            HandleKind.MemberReference => metadata.GetMemberReference((MemberReferenceHandle)constructor).Parent,
            _ => constructor,
        };
        switch (type.Kind)
        {
            case HandleKind.TypeDefinition:
                EntityHandle parent = metadata.GetTypeDefinition((TypeDefinitionHandle)type).BaseType;
                return parent.Kind != HandleKind.TypeDefinition || metadata.GetString(metadata.GetTypeDefinition((TypeDefinitionHandle)parent).Name) is not ("ValueType" or "Enum");
            case HandleKind.TypeSpecification:
                // A generic instance says in its second byte what it is (ECMA-335 II.23.2.14).
                BlobReader signature = metadata.GetBlobReader(metadata.GetTypeSpecification((TypeSpecificationHandle)type).Signature);
                return signature.ReadSignatureTypeCode() != SignatureTypeCode.GenericTypeInstance || signature.ReadCompressedInteger() != (int)SignatureTypeKind.ValueType;
            default:
                return true;
        }
    }
}
