using System.Globalization;

namespace Osv.Cli.CommandLine;

/// <summary>Times as people read them.</summary>
internal static class Ages
{
    /// <summary>The two largest units at most: 45s, 12m, 3h20m, 5d.</summary>
    public static string Format(TimeSpan age) => age switch
    {
        { TotalSeconds: < 1 } => "0s",
        { TotalMinutes: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{(int)age.TotalSeconds}s"),
        { TotalHours: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{(int)age.TotalMinutes}m"),
        { TotalDays: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{(int)age.TotalHours}h{age.Minutes}m"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)age.TotalDays}d"),
    };

    public static string Since(DateTimeOffset? at) => at is { } then ? Format(TimeProvider.System.GetUtcNow() - then) : "-";

    /// <summary>In UTC, to the second.</summary>
    public static string Stamp(DateTimeOffset? at) => at is { } then ? then.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) : "-";
}
