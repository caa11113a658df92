using System.Globalization;
using System.Text;

namespace Osv.Data.Logs;

/// <summary>Cuts lines from the bytes of a console. Pure.</summary>
public sealed class LineCutter(ConsoleHead head)
{
    /// <summary>A line that does not end is cut there.</summary>
    public const int LongestLine = 8 << 10;

    private readonly List<byte> _open = [.. head.OpenLine];

    /// <summary>Lines that ended, in order.</summary>
    public List<ConsoleLine> Lines { get; } = [];

    public byte[] Open => [.. _open];

    /// <summary>Takes bytes that follow those before.</summary>
    public void Take(ReadOnlySpan<byte> data, DateTimeOffset at)
    {
        while (!data.IsEmpty)
        {
            int end = data.IndexOf((byte)'\n'), room = LongestLine - _open.Count;
            if (end < 0 || end > room)
            {
                int count = Math.Min(data.Length, room);
                _open.AddRange(data[..count]);
                data = data[count..];
                if (_open.Count >= LongestLine) End(at);
                continue;
            }
            _open.AddRange(data[..end]);
            data = data[(end + 1)..];
            End(at);
        }
    }

    /// <summary>What comes next has nothing to do with the line that is open.</summary>
    public void Break(DateTimeOffset at)
    {
        if (_open.Count > 0) End(at);
    }

    /// <summary>Says in a line of our own that bytes are missing here.</summary>
    public void Lose(long bytes, DateTimeOffset at)
    {
        Break(at);
        Add(string.Create(CultureInfo.InvariantCulture, $"[{bytes} bytes of the console are missing here]"), at);
    }

    /// <summary>The text of bytes as a line shows it.</summary>
    public static string Text(ReadOnlySpan<byte> line) => Encoding.UTF8.GetString(line.TrimEnd((byte)'\r'));

    private void End(DateTimeOffset at)
    {
        Add(Text(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_open)), at);
        _open.Clear();
    }

    private void Add(string text, DateTimeOffset at) => Lines.Add(new ConsoleLine { TenantId = head.TenantId, Sequence = head.LineSequence + Lines.Count + 1, At = at, Text = text });
}
