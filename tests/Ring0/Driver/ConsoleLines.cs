using System.Diagnostics;
using System.Text;
using Osv.Agent.Partitions;

namespace Osv.Ring0.Driver;

/// <summary>What a partition prints, line by line, without losing any.</summary>
internal sealed class ConsoleLines(ControlDevice device, uint partition)
{
    private readonly byte[] _buffer = new byte[16 << 10];
    private readonly StringBuilder _line = new();
    private readonly Queue<string> _lines = [];

    /// <param name="mayCome">Whether more can come at all: asked when there is nothing.</param>
    /// <exception cref="TimeoutException">No whole line came in time.</exception>
    /// <exception cref="InvalidOperationException">None can come.</exception>
    public string Next(int seconds = 30, Func<bool>? mayCome = null)
    {
        var clock = Stopwatch.StartNew();
        while (_lines.Count == 0)
        {
            int count = device.ReadConsole((int)partition, _buffer);
            foreach (byte value in _buffer.AsSpan(0, count))
            {
                if (value != '\n')
                {
                    _line.Append((char)value);
                    continue;
                }
                _lines.Enqueue(_line.ToString());
                _line.Clear();
            }
            if (count != 0) continue;
            if (clock.Elapsed.TotalSeconds > seconds) throw new TimeoutException($"partition {partition} printed no line for {seconds} s, only '{_line}'");
            if (mayCome?.Invoke() == false && _line.Length != 0) throw new InvalidOperationException($"partition {partition} ended after printing '{_line}'");
            Thread.Sleep(1);
        }
        return _lines.Dequeue();
    }

    /// <summary>Skips lines up to one that starts so.</summary>
    public string Await(string start, int seconds = 30)
    {
        while (true)
        {
            string line = Next(seconds);
            if (line.StartsWith(start, StringComparison.Ordinal)) return line;
        }
    }

    /// <summary>Forgets everything printed so far.</summary>
    public void Clear()
    {
        while (device.ReadConsole((int)partition, _buffer) != 0) { }
        _lines.Clear();
        _line.Clear();
    }
}
