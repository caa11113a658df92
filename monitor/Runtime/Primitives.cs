// The base library of ring 0: only what the compiler cannot do without.
// Anything missing here (allocation, exceptions, threads) is missing on purpose: the link fails when code needs it.
namespace System
{
    public class Object
    {
        // The method-table pointer comes first in every object; ilc lays frozen strings and arrays out this way.
#pragma warning disable CS0169 // read by generated code only
        private nint _methodTable;
#pragma warning restore CS0169
        public Object() { }
        public virtual bool Equals(object? o) => false;
        public virtual int GetHashCode() => 0;
    }

    public abstract class ValueType { }
    public abstract class Enum : ValueType { }
    public abstract class Delegate { }
    public abstract class MulticastDelegate : Delegate { }
    public class Exception { }
    public struct Void { }
    public struct Boolean { }
    public struct Char { }
    public struct SByte { }
    public struct Byte { }
    public struct Int16 { }
    public struct UInt16 { public const ushort MaxValue = 0xFFFF; }
    public struct Int32 { public const int MaxValue = 0x7FFF_FFFF; }
    public struct UInt32 { public const uint MaxValue = 0xFFFF_FFFF; }
    public struct Int64 { }
    public struct UInt64 { public const ulong MaxValue = 0xFFFF_FFFF_FFFF_FFFF; }
    public struct IntPtr { }
    public struct UIntPtr { }
    public struct Single { }
    public struct Double { }
    public struct RuntimeTypeHandle { }
    public struct RuntimeMethodHandle { }
    public struct RuntimeFieldHandle { }
    public struct Nullable<T> where T : struct { }
    public class Attribute { }
    public class Type { }

    public sealed class String
    {
#pragma warning disable CS0649, CS0169 // laid down by ilc
        private readonly int _stringLength;
        private readonly char _firstChar;
#pragma warning restore CS0649, CS0169
        public int Length => _stringLength;
    }

    public abstract class Array
    {
#pragma warning disable CS0649
        internal int _numComponents;
#pragma warning restore CS0649, CS0169
        public int Length => _numComponents;
    }
    public class Array<T> : Array { }

    public enum AttributeTargets { All = 0x7FFF }
    public sealed class AttributeUsageAttribute : Attribute
    {
        public AttributeUsageAttribute(AttributeTargets targets) { }
        public bool AllowMultiple { get; set; }
        public bool Inherited { get; set; }
    }

    public static class Math
    {
        public static ulong Min(ulong a, ulong b) => a < b ? a : b;

        // ilc looks these four up by name; floating point is not used in ring 0.
        private static int ConvertToInt32Checked(double value) { Osv.Monitor.Panic.Unreachable(); return 0; }
        private static uint ConvertToUInt32Checked(double value) { Osv.Monitor.Panic.Unreachable(); return 0; }
        private static long ConvertToInt64Checked(double value) { Osv.Monitor.Panic.Unreachable(); return 0; }
        private static ulong ConvertToUInt64Checked(double value) { Osv.Monitor.Panic.Unreachable(); return 0; }
    }

    public interface IDisposable { void Dispose(); }
}

namespace System.Reflection
{
    public sealed class DefaultMemberAttribute : Attribute { public DefaultMemberAttribute(string name) { } }
}
