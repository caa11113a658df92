// Entry points that ilc binds generated code to. Each throw helper is a monitor panic: there are no exceptions in ring 0.
using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using Osv.Monitor;

namespace Internal.Runtime.CompilerHelpers
{
    internal static class StartupCodeHelpers { }

    internal static class ThrowHelpers
    {
        private static void ThrowOverflowException() => Panic.Overflow();
        private static void ThrowIndexOutOfRangeException() => Panic.IndexOutOfRange();
        private static void ThrowDivideByZeroException() => Panic.DivideByZero();
        private static void ThrowNullReferenceException() => Panic.NullReference();
        private static void ThrowPlatformNotSupportedException() => Panic.Unreachable();
        private static void ThrowNotSupportedException() => Panic.Unreachable();
        private static void ThrowFeatureBodyRemoved() => Panic.Unreachable();
        private static void ThrowArgumentOutOfRangeException() => Panic.IndexOutOfRange();
        private static void ThrowInvalidProgramExceptionWithArgument(int id, string name) => Panic.Unreachable();
        private static void ThrowInvalidProgramException(int id) => Panic.Unreachable();
        private static void ThrowMissingMethodException(int id, string owner, string method) => Panic.Unreachable();
        private static void ThrowMissingFieldException(int id, string owner, string field) => Panic.Unreachable();
        private static void ThrowTypeLoadException(int id, string type, string assembly) => Panic.Unreachable();
        private static void ThrowTypeLoadExceptionWithArgument(int id, string type, string assembly, string argument) => Panic.Unreachable();
    }
}

namespace System
{
    internal static unsafe class SpanHelpers
    {
        [MethodImpl(MethodImplOptions.InternalCall)]
        [RuntimeImport("*", "memmove")]
        internal static extern void* AsmMemmove(void* destination, void* source, nuint bytes);

        [MethodImpl(MethodImplOptions.InternalCall)]
        [RuntimeImport("*", "memset")]
        internal static extern void* AsmMemset(void* destination, int value, nuint bytes);

        internal static void Memmove(ref byte destination, ref byte source, nuint bytes) =>
            AsmMemmove(Unsafe.AsPointer(ref destination), Unsafe.AsPointer(ref source), bytes);

        internal static void Fill(ref byte destination, byte value, nuint bytes) =>
            AsmMemset(Unsafe.AsPointer(ref destination), value, bytes);

        internal static void ClearWithoutReferences(ref byte destination, nuint bytes) =>
            AsmMemset(Unsafe.AsPointer(ref destination), 0, bytes);
    }

    internal static class Buffer
    {
        internal static void BulkMoveWithWriteBarrier(ref byte destination, ref byte source, nuint bytes) => Panic.Unreachable();
    }
}

namespace System.Runtime
{
    // Casts never happen in ring 0; ilc still wants the names to exist.
    internal static unsafe class TypeCast
    {
        private static object? IsInstanceOfAny(void* type, object? value) { Panic.Unreachable(); return null; }
        private static object? IsInstanceOfInterface(void* type, object? value) { Panic.Unreachable(); return null; }
        private static object? IsInstanceOfClass(void* type, object? value) { Panic.Unreachable(); return null; }
        private static bool IsInstanceOfException(void* type, object? value) { Panic.Unreachable(); return false; }
        private static object? CheckCastAny(void* type, object? value) { Panic.Unreachable(); return null; }
        private static object? CheckCastInterface(void* type, object? value) { Panic.Unreachable(); return null; }
        private static object? CheckCastClass(void* type, object? value) { Panic.Unreachable(); return null; }
        private static object? CheckCastClassSpecial(void* type, object? value) { Panic.Unreachable(); return null; }
        private static void StelemRef(object?[] array, nint index, object? value) => Panic.Unreachable();
        private static void LdelemaRef(object?[] array, nint index, nint type) => Panic.Unreachable();
    }
}
