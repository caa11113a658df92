using Hangfire;
using Microsoft.Extensions.Hosting;

namespace Osv.Scheduler.Maintenance;

/// <summary>Enters the periodic work into Hangfire. Every replica does so at start; the entries are the same, so the last one counts.</summary>
public sealed class MaintenanceSchedule(IRecurringJobManager jobs) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        Add("log-partitions", work => work.LogPartitionsAsync(CancellationToken.None), "7 * * * *");
        Add("image-garbage", work => work.ImageGarbageAsync(CancellationToken.None), "17 * * * *");
        Add("explanations", work => work.ExplanationsAsync(CancellationToken.None), "27 3 * * *");
        Add("outbox", work => work.OutboxAsync(CancellationToken.None), "37 * * * *");
        Add("idempotency-keys", work => work.IdempotencyKeysAsync(CancellationToken.None), "*/10 * * * *");
        Add("health-sweep", work => work.HealthSweepAsync(CancellationToken.None), "*/5 * * * *");
        Add("node-history", work => work.NodeHistoryAsync(CancellationToken.None), "47 * * * *");
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // Hangfire puts its own token, which ends with the server, in the place of the one in the expression.
    private void Add(string id, System.Linq.Expressions.Expression<Func<MaintenanceWork, Task>> call, string cron) =>
        jobs.AddOrUpdate(id, call, cron, new RecurringJobOptions { TimeZone = TimeZoneInfo.Utc });
}
