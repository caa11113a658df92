using System.Runtime.CompilerServices;

namespace System
{
    /// <summary>A bounds-checked window over memory. An index outside it is a monitor panic, never a stray access.</summary>
    public readonly ref struct Span<T>
    {
        internal readonly ref T _reference;
        private readonly int _length;

        public unsafe Span(void* pointer, int length)
        {
            _reference = ref Unsafe.AsRef<T>(pointer);
            _length = length;
        }

        internal Span(ref T reference, int length)
        {
            _reference = ref reference;
            _length = length;
        }

        public int Length => _length;

        public ref T this[int index]
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get
            {
                if (unchecked((uint)index) >= unchecked((uint)_length)) Osv.Monitor.Panic.IndexOutOfRange();
                return ref Unsafe.Add(ref _reference, index);
            }
        }

        public Span<T> Slice(int start, int length)
        {
            if (unchecked((ulong)(uint)start + (uint)length > (uint)_length)) Osv.Monitor.Panic.IndexOutOfRange();
            return new Span<T>(ref Unsafe.Add(ref _reference, start), length);
        }

        public static implicit operator ReadOnlySpan<T>(Span<T> span) => new(ref span._reference, span._length);
    }

    /// <summary>The read-only twin of <see cref="Span{T}"/>; also what UTF-8 literals and constant tables are.</summary>
    public readonly ref struct ReadOnlySpan<T>
    {
        internal readonly ref T _reference;
        private readonly int _length;

        public unsafe ReadOnlySpan(void* pointer, int length)
        {
            _reference = ref Unsafe.AsRef<T>(pointer);
            _length = length;
        }

        // The compiler binds UTF-8 literals and constant tables to these two and then emits a pointer into constant data instead of calling them.
        public ReadOnlySpan(T[] array, int start, int length)
        {
            Osv.Monitor.Panic.Unreachable();
            this = default;
        }

        public ReadOnlySpan(T[] array)
        {
            Osv.Monitor.Panic.Unreachable();
            this = default;
        }

        internal ReadOnlySpan(ref T reference, int length)
        {
            _reference = ref reference;
            _length = length;
        }

        public int Length => _length;

        public ref readonly T this[int index]
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get
            {
                if (unchecked((uint)index) >= unchecked((uint)_length)) Osv.Monitor.Panic.IndexOutOfRange();
                return ref Unsafe.Add(ref _reference, index);
            }
        }

        public ReadOnlySpan<T> Slice(int start, int length)
        {
            if (unchecked((ulong)(uint)start + (uint)length > (uint)_length)) Osv.Monitor.Panic.IndexOutOfRange();
            return new ReadOnlySpan<T>(ref Unsafe.Add(ref _reference, start), length);
        }
    }
}
