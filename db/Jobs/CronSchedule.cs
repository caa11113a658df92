using Cronos;

namespace Osv.Data.Jobs;

/// <summary>When a schedule runs. Pure.</summary>
public static class CronSchedule
{
    /// <summary>The next run strictly after a moment; null: there is none, as for 30 February.</summary>
    /// <param name="cron">Five fields: minute, hour, day of month, month, day of week.</param>
    /// <param name="timeZone">IANA name.</param>
    /// <param name="after">The moment.</param>
    /// <exception cref="FormatException">The expression or the zone is not valid; the message names it.</exception>
    public static DateTimeOffset? Next(string cron, string timeZone, DateTimeOffset after)
    {
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(timeZone, out TimeZoneInfo? zone)) throw new FormatException($"there is no time zone '{timeZone}': use an IANA name, as Europe/Berlin or UTC");
        CronExpression expression;
        try
        {
            expression = CronExpression.Parse(cron, CronFormat.Standard);
        }
        catch (CronFormatException error)
        {
            throw new FormatException($"'{cron}' is no cron expression of five fields: {error.Message}", error);
        }
        return expression.GetNextOccurrence(after, zone)?.ToUniversalTime();
    }
}
