using System.Text;

namespace Osv.Agent.Consoles;

/// <summary>What a kernel prints last of all: how a panic is known where no driver tells the panic port.</summary>
public static class LastWords
{
    /// <summary>With the reason, and behind it nothing: a shell that printed a log would print its prompt, too.</summary>
    private const string End = "---[ end Kernel panic - not syncing";

    /// <summary>Longest last line: a record of printk has at most 1 KiB.</summary>
    public const int Bytes = 2 << 10;

    /// <param name="tail">The last bytes of a console.</param>
    public static bool ArePanic(ReadOnlySpan<byte> tail)
    {
        ReadOnlySpan<byte> text = tail.TrimEnd("\r\n "u8);
        string line = Encoding.Latin1.GetString(text[(text.LastIndexOf((byte)'\n') + 1)..]);
        return line.Contains(End, StringComparison.Ordinal) && line.EndsWith("]---", StringComparison.Ordinal);
    }
}
