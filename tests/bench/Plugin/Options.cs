using System.Globalization;

namespace Osv.Bench.Plugin;

/// <summary>
/// What stands behind the file's name in QEMU's <c>-plugin</c>: <c>out=FILE</c>, where the report goes; <c>text=START-END</c>,
/// the addresses of the monitor's code; <c>entry=ADDRESS</c>, where the kernel's 64-bit code begins; <c>marks=ADDRESS</c>,
/// where the loads' marks lie. Numbers are hexadecimal.
/// </summary>
internal static class Options
{
    /// <summary>Bytes from one mark to the next, and how many phases there are.</summary>
    public const int MarkBytes = 64, Phases = 32;

    public static string Output { get; private set; } = string.Empty;
    public static ulong TextStart { get; private set; }
    public static ulong TextEnd { get; private set; }
    public static ulong Entry { get; private set; }
    public static ulong Marks { get; private set; }

    /// <summary>Throws <see cref="FormatException"/> for an option that is unknown or is no number.</summary>
    public static void Parse(IEnumerable<string> options)
    {
        foreach (string option in options)
        {
            string[] parts = option.Split('=', 2);
            switch (parts)
            {
                case ["out", string file]: Output = file; break;
                case ["entry", string address]: Entry = Number(address); break;
                case ["marks", string address]: Marks = Number(address); break;
                case ["text", string range] when range.Split('-') is [string start, string end]:
                    TextStart = Number(start);
                    TextEnd = Number(end);
                    break;
                default: throw new FormatException($"'{option}' is no option; there are out, text, entry, marks");
            }
        }
        if (Output.Length == 0) throw new FormatException("out=FILE is missing");
    }

    private static ulong Number(string text) => ulong.Parse(text.StartsWith("0x", StringComparison.Ordinal) ? text[2..] : text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
