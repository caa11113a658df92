using Osv.Data.Jobs;

namespace Osv.Scheduler.Tests;

/// <summary>Schedules of jobs.</summary>
public sealed class CronTests
{
    private static readonly DateTimeOffset s_spring = new(2026, 3, 28, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("30 * * * *", "UTC", "2026-03-28T12:30:00Z")]
    [InlineData("0 6 * * *", "Europe/Berlin", "2026-03-29T04:00:00Z")]
    [InlineData("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z")]
    [InlineData("0 0 1 1 *", "UTC", "2027-01-01T00:00:00Z")]
    public void The_next_run_is_in_the_schedules_own_time_zone(string cron, string zone, string expected) =>
        CronSchedule.Next(cron, zone, s_spring).ShouldBe(DateTimeOffset.Parse(expected, System.Globalization.CultureInfo.InvariantCulture));

    [Fact]
    public void A_day_that_never_comes_has_no_next_run() => CronSchedule.Next("0 0 30 2 *", "UTC", s_spring).ShouldBeNull();

    [Theory]
    [InlineData("every day", "UTC", "'every day' is no cron expression of five fields")]
    [InlineData("0 0 * * * *", "UTC", "'0 0 * * * *' is no cron expression of five fields")]
    [InlineData("0 0 * * *", "Mars/Olympus", "there is no time zone 'Mars/Olympus'")]
    public void What_is_wrong_is_named(string cron, string zone, string expected) =>
        Should.Throw<FormatException>(() => CronSchedule.Next(cron, zone, s_spring)).Message.ShouldContain(expected);
}
