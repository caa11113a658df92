using System.Reflection;
using System.Reflection.Emit;

namespace Osv.Fuzz.Targets.Ring0;

/// <summary>The monitor's static fields: as they were at some moment, again.</summary>
internal sealed unsafe class Statics
{
    private readonly List<(nint Address, int Bytes, ulong Value)> _fields = [];

    /// <summary>Keeps the values that they have now.</summary>
    public Statics(Assembly assembly)
    {
        foreach (FieldInfo field in assembly.GetTypes().Where(type => !type.ContainsGenericParameters && type.Namespace?.StartsWith("Osv.Monitor", StringComparison.Ordinal) == true)
            .SelectMany(type => type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)))
        {
            if (field.IsLiteral || field.IsInitOnly || SizeOf(field.FieldType) is not { } bytes) continue;
            nint address = AddressOf(field);
            _fields.Add((address, bytes, Load(address, bytes)));
        }
    }

    public void Restore()
    {
        foreach ((nint address, int bytes, ulong value) in _fields)
        {
            switch (bytes)
            {
                case 1: *(byte*)address = (byte)value; break;
                case 2: *(ushort*)address = (ushort)value; break;
                case 4: *(uint*)address = (uint)value; break;
                default: *(ulong*)address = value; break;
            }
        }
    }

    private static ulong Load(nint address, int bytes) => bytes switch { 1 => *(byte*)address, 2 => *(ushort*)address, 4 => *(uint*)address, _ => *(ulong*)address };

    private static int? SizeOf(Type type)
    {
        if (type.IsPointer) return sizeof(nint);
        return Type.GetTypeCode(type) switch
        {
            TypeCode.Boolean or TypeCode.Byte or TypeCode.SByte => 1,
            TypeCode.Int16 or TypeCode.UInt16 => 2,
            TypeCode.Int32 or TypeCode.UInt32 => 4,
            TypeCode.Int64 or TypeCode.UInt64 => 8,
            _ => null,
        };
    }

    /// <summary>Statics that hold no references do not move.</summary>
    private static nint AddressOf(FieldInfo field)
    {
        System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(field.DeclaringType!.TypeHandle);
        var method = new DynamicMethod("address", typeof(nint), null, typeof(Statics).Module, skipVisibility: true);
        ILGenerator code = method.GetILGenerator();
        code.Emit(OpCodes.Ldsflda, field);
        code.Emit(OpCodes.Conv_U);
        code.Emit(OpCodes.Ret);
        return ((Func<nint>)method.CreateDelegate(typeof(Func<nint>)))();
    }
}
