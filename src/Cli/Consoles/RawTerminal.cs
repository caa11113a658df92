using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Osv.Cli.Consoles;

/// <summary>Standard input as a wire: every key goes through as its bytes, nothing is shown or taken for a signal. The terminal is as before when this is disposed.</summary>
internal sealed partial class RawTerminal : IDisposable
{
    private const int StandardInput = 0, Now = 0;

    /// <summary>Larger than a struct termios of any C library; what is in it is their business.</summary>
    private const int TermiosBytes = 256;

    private readonly byte[] _before = new byte[TermiosBytes];

    /// <exception cref="IOException">Standard input is no terminal.</exception>
    public RawTerminal()
    {
        Check(GetAttributes(StandardInput, _before));
        byte[] raw = [.. _before];
        MakeRaw(raw);
        Check(SetAttributes(StandardInput, Now, raw));
    }

    /// <summary>What is typed, byte for byte. The stream that <see cref="Console"/> opens on a terminal edits lines.</summary>
    public static Stream OpenKeyboard() => new FileStream(new SafeFileHandle(StandardInput, ownsHandle: false), FileAccess.Read, bufferSize: 0);

    public void Dispose() => _ = SetAttributes(StandardInput, Now, _before);

    private static void Check(int result)
    {
        if (result != 0) throw new IOException($"the terminal cannot be set up: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    [LibraryImport("libc", EntryPoint = "tcgetattr", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetAttributes(int descriptor, [Out] byte[] termios);

    [LibraryImport("libc", EntryPoint = "tcsetattr", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetAttributes(int descriptor, int when, [In] byte[] termios);

    [LibraryImport("libc", EntryPoint = "cfmakeraw")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void MakeRaw([In, Out] byte[] termios);
}
