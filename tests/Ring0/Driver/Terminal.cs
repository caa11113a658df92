using System.Runtime.InteropServices;

namespace Osv.Ring0.Driver;

/// <summary>The serial line behind standard output.</summary>
internal static partial class Terminal
{
    private const int StandardOutput = 1;

    /// <summary>Returns when every byte written so far has left the UART (tcdrain(3)).</summary>
    public static void Drain()
    {
        Console.Out.Flush();
        _ = DrainTerminal(StandardOutput);
    }

    [LibraryImport("libc", EntryPoint = "tcdrain")]
    private static partial int DrainTerminal(int descriptor);
}
