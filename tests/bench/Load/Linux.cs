using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Osv.Bench.Load;

/// <summary>System calls that the base library does not offer. A call that fails throws <see cref="Win32Exception"/> with its errno.</summary>
internal static unsafe partial class Linux
{
    private const int PowerOffCommand = 0x4321_FEDC, StandardOutput = 1;

    public static void Mount(string type, string folder) => Check(MountFileSystem(type, folder, type, 0, 0), $"mount {folder}");

    /// <summary>Ties the calling thread to one processor.</summary>
    public static void PinTo(int processor)
    {
        ulong mask = 1UL << processor;
        Check(SetAffinity(0, sizeof(ulong), &mask), $"sched_setaffinity to processor {processor}");
    }

    /// <summary>For reading past the kernel's cache: addresses, offsets and sizes are whole pages.</summary>
    public static SafeFileHandle OpenDirect(string path)
    {
        const int ReadOnly = 0, Direct = 0x4000;
        int file = Open(path, ReadOnly | Direct);
        Check(file < 0 ? -1 : 0, $"open of {path}");
        return new SafeFileHandle(file, ownsHandle: true);
    }

    /// <summary>The descriptors to read from and to write to.</summary>
    public static (int Read, int Write) Pipe()
    {
        int* ends = stackalloc int[2];
        Check(MakePipe(ends), "pipe");
        return (ends[0], ends[1]);
    }

    public static void ReadByte(int pipe)
    {
        byte value;
        Check((int)Read(pipe, &value, 1) - 1, "read of a pipe");
    }

    /// <summary>Writes to every page of fresh memory once, then gives it back.</summary>
    public static void TouchFresh(nuint bytes)
    {
        const int ReadWrite = 3, PrivateAnonymous = 0x22, PageBytes = 4096;
        nint memory = MapMemory(0, bytes, ReadWrite, PrivateAnonymous, -1, 0);
        Check(memory == -1 ? -1 : 0, "mmap");
        for (nuint i = 0; i < bytes; i += PageBytes) ((byte*)memory)[i] = 1;
        Check(Unmap(memory, bytes), "munmap");
    }

    /// <summary>Returns when every byte written so far has left the serial port (tcdrain(3)).</summary>
    public static void DrainConsole() => Check(DrainTerminal(StandardOutput), "tcdrain of the console");

    /// <summary>The last words, then the machine is off.</summary>
    public static void End(string words)
    {
        Console.WriteLine(words);
        _ = DrainTerminal(StandardOutput);
        _ = Reboot(PowerOffCommand);
    }

    private static void Check(int result, string what)
    {
        if (result != 0) throw new Win32Exception(Marshal.GetLastPInvokeError(), $"{what}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MountFileSystem(string source, string target, string type, nuint flags, nint data);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity", SetLastError = true)]
    private static partial int SetAffinity(int thread, nuint bytes, ulong* mask);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "pipe", SetLastError = true)]
    private static partial int MakePipe(int* ends);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int file, void* buffer, nuint bytes);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MapMemory(nint address, nuint bytes, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(nint address, nuint bytes);

    [LibraryImport("libc", EntryPoint = "tcdrain", SetLastError = true)]
    private static partial int DrainTerminal(int file);

    [LibraryImport("libc", EntryPoint = "reboot", SetLastError = true)]
    private static partial int Reboot(int command);
}
