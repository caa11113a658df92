using System.Globalization;
using MudBlazor;
using Osv.Data.Jobs;
using Osv.Data.Lifecycles;
using Osv.Data.Nodes;
using Osv.Web.Capacity;

namespace Osv.Web.Console;

/// <summary>How the console writes numbers, times and states.</summary>
public static class Format
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary>More alternatives than this nobody reads.</summary>
    private const int MostShapes = 4;

    public static string Bytes(long bytes)
    {
        double value = bytes;
        int unit = 0;
        while (Math.Abs(value) >= 1024 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }
        return $"{value.ToString(value >= 100 || value == Math.Floor(value) ? "0" : "0.#", CultureInfo.InvariantCulture)} {Units[unit]}";
    }

    public static string Bytes(long? bytes) => bytes is { } known ? Bytes(known) : "no limit";

    public static string Count(long? count) => count?.ToString("N0", CultureInfo.InvariantCulture) ?? "no limit";

    /// <summary>How many of a list fit what is looked for: "12 of 10,000", or "10,000" where all do.</summary>
    public static string Part(int fitting, int all) => fitting == all ? Count(all) : $"{Count(fitting)} of {Count(all)}";

    /// <summary>"4 cores with 8 GiB, or 2 cores with 64 GiB".</summary>
    public static string Shapes(IReadOnlyList<Shape> shapes) =>
        shapes.Count == 0 ? "none" : string.Join(", or ", shapes.Take(MostShapes).Select(shape => $"{shape.Cores} {(shape.Cores == 1 ? "core" : "cores")} with {Bytes(shape.MemoryBytes)}"));

    /// <summary>"3 min ago", "in 12 s".</summary>
    public static string Relative(DateTimeOffset at, DateTimeOffset now)
    {
        TimeSpan distance = now - at;
        string length = Length(distance.Duration());
        return length == "now" ? length : distance < TimeSpan.Zero ? $"in {length}" : $"{length} ago";
    }

    public static string Length(TimeSpan span) => span switch
    {
        { TotalSeconds: < 1 } => "now",
        { TotalSeconds: < 90 } => $"{(int)span.TotalSeconds} s",
        { TotalMinutes: < 90 } => $"{(int)span.TotalMinutes} min",
        { TotalHours: < 36 } => $"{(int)span.TotalHours} h",
        _ => $"{(int)span.TotalDays} d",
    };

    /// <summary>How long something took or takes: "340 ms", "12 s".</summary>
    public static string Duration(TimeSpan span) => span switch
    {
        { TotalMilliseconds: < 1 } => "0 ms",
        { TotalSeconds: < 1 } => $"{(int)span.TotalMilliseconds} ms",
        _ => Length(span),
    };

    public static string Exact(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>0,2,4-7.</summary>
    public static string Ranges(IReadOnlyList<int> sorted)
    {
        var parts = new List<string>();
        for (int i = 0; i < sorted.Count;)
        {
            int end = i;
            while (end + 1 < sorted.Count && sorted[end + 1] == sorted[end] + 1) end++;
            parts.Add(end == i ? $"{sorted[i]}" : $"{sorted[i]}-{sorted[end]}");
            i = end + 1;
        }
        return parts.Count == 0 ? "none" : string.Join(", ", parts);
    }

    public static Color Of(Enum state) => state switch
    {
        NodeState.Ready or TenantState.Running or JobState.Completed or BootStepState.Done => Color.Success,
        NodeState.Lost or NodeState.Quarantined or TenantState.Crashed or TenantState.Hung or TenantState.Failed or JobState.Failed or BootStepState.Failed => Color.Error,
        TenantState.Unreachable or NodeState.PendingApproval or NodeState.Draining or NodeState.Drained => Color.Warning,
        NodeState.Retired or TenantState.Stopped or JobState.Cancelled => Color.Default,
        _ => Color.Info,
    };
}
