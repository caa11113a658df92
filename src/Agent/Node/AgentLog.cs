using System.Text.Json;
using Osv.Contracts.Node;

namespace Osv.Agent.Node;

/// <summary>The agent's own words: one JSON object a line, numbered, kept for the control plane until it has them. Thread-safe.</summary>
public sealed class AgentLog(TimeProvider time, TextWriter writer)
{
    private const int Kept = 1000;
    private readonly Lock _gate = new();
    private readonly Queue<LogLine> _lines = [];
    private ulong _number;

    public void Info(string category, string message) => Write("info", category, message);
    public void Warn(string category, string message) => Write("warn", category, message);
    public void Error(string category, string message) => Write("error", category, message);

    private void Write(string level, string category, string message)
    {
        lock (_gate)
        {
            DateTimeOffset now = time.GetUtcNow();
            _lines.Enqueue(new LogLine { Number = ++_number, TimeUnixMs = (ulong)now.ToUnixTimeMilliseconds(), Level = level, Category = category, Message = message });
            if (_lines.Count > Kept) _lines.Dequeue();
            using var buffer = new MemoryStream();
            using (var json = new Utf8JsonWriter(buffer))
            {
                json.WriteStartObject();
                json.WriteString("time", now);
                json.WriteString("level", level);
                json.WriteString("category", category);
                json.WriteString("message", message);
                json.WriteEndObject();
            }
            writer.WriteLine(System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
        }
    }

    /// <summary>Number of the last line.</summary>
    public ulong Last
    {
        get { lock (_gate) return _number; }
    }

    /// <summary>Lines that came after number <paramref name="after"/>.</summary>
    public IReadOnlyList<LogLine> After(ulong after)
    {
        lock (_gate) return [.. _lines.Where(line => line.Number > after)];
    }
}
