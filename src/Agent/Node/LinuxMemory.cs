using System.Globalization;

namespace Osv.Agent.Node;

/// <summary>Memory of the management Linux.</summary>
public static class LinuxMemory
{
    /// <summary>Bytes that programs can still get (proc(5), MemAvailable); 0 when Linux does not say.</summary>
    public static ulong Available(string file = "/proc/meminfo")
    {
        string? line = File.ReadLines(file).FirstOrDefault(line => line.StartsWith("MemAvailable:", StringComparison.Ordinal));
        return line is null ? 0 : ulong.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }
}
