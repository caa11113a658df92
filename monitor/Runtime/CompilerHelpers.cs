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
        private static void ThrowFeatureBodyRemoved() => Panic.Unreachable();
        private static void ThrowOverflowException() => Panic.Overflow();
        private static void ThrowIndexOutOfRangeException() => Panic.IndexOutOfRange();
        private static void ThrowDivideByZeroException() => Panic.DivideByZero();
        private static void ThrowNullReferenceException() => Panic.NullReference();
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
        private static bool IsInstanceOfException(void* type, object? value) { Panic.Unreachable(); return false; }
        private static object? IsInstanceOfClass(void* type, object? value) { Panic.Unreachable(); return null; }
        private static object? IsInstanceOfInterface(void* type, object? value) { Panic.Unreachable(); return null; }
        private static object? IsInstanceOfAny(void* type, object? value) { Panic.Unreachable(); return null; }
        private static object? CheckCastClassSpecial(void* type, object? value) { Panic.Unreachable(); return null; }
        private static object? CheckCastClass(void* type, object? value) { Panic.Unreachable(); return null; }
        private static object? CheckCastInterface(void* type, object? value) { Panic.Unreachable(); return null; }
        private static object? CheckCastAny(void* type, object? value) { Panic.Unreachable(); return null; }
    }
}
