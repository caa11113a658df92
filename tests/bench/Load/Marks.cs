using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Osv.Bench.Load;

/// <summary>A page of marks. A mark is a call of an address that QEMU's plugin watches for: it takes two instructions and causes no exit.</summary>
internal static unsafe partial class Marks
{
    private const int PageBytes = 0x1000;
    private const byte Return = 0xC3;
    private static readonly byte* s_page = Map();

    public static void Enter(Phase phase) => ((delegate* unmanaged[Cdecl]<void>)(s_page + (int)phase * Mark.Bytes))();

    private static byte* Map()
    {
        const int ReadWriteExecute = 7, PrivateAnonymousFixed = 0x2 | 0x20 | 0x10_0000;
        nint page = MapMemory(unchecked((nint)Mark.Address), PageBytes, ReadWriteExecute, PrivateAnonymousFixed, -1, 0);
        if (page == -1) throw new Win32Exception(Marshal.GetLastPInvokeError(), "the page of marks cannot be mapped");
        foreach (Phase phase in Enum.GetValues<Phase>()) ((byte*)page)[(int)phase * Mark.Bytes] = Return;
        return (byte*)page;
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MapMemory(nint address, nuint bytes, int protection, int flags, int file, long offset);
}
