using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Osv.Bench.Load;

/// <summary>registers.asm.</summary>
internal static partial class Registers
{
    /// <summary>Writes a byte to a pipe and compares all registers before and after. Throws when one was not kept.</summary>
    public static void WriteByte(int pipe)
    {
        long result = WriteKeepingRegisters(pipe);
        if (result == 1) throw new InvalidOperationException("a register was lost between a system call's begin and end");
        if (result != 0) throw new Win32Exception((int)-result, "write to a pipe");
    }

    [LibraryImport("registers", EntryPoint = "time_stamp")]
    public static partial ulong TimeStamp();

    [LibraryImport("registers", EntryPoint = "write_keeping_registers")]
    private static partial long WriteKeepingRegisters(int file);
}
