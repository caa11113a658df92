using System.Globalization;
using Hangfire;
using Microsoft.Extensions.Logging;
using Npgsql;
using Osv.Data.Logs;
using Osv.Scheduler.Hosting;

namespace Osv.Scheduler.Maintenance;

/// <summary>
/// Periodic work that Hangfire runs. Each piece can be repeated, and cut short, at any point. Lifecycles are never moved here.
/// </summary>
public sealed class MaintenanceWork(NpgsqlDataSource source, SchedulerOptions options, TimeProvider time, ILogger<MaintenanceWork> log)
{
    /// <summary>Days for which partitions exist ahead of time.</summary>
    private const int DaysAhead = 3;

    private const int OneAtATime = 60;

    /// <summary>Makes the partitions of the coming days and drops those whose time is up.</summary>
    [DisableConcurrentExecution(OneAtATime)]
    public async Task LogPartitionsAsync(CancellationToken cancel)
    {
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        IReadOnlyList<string> made = await DailyPartitions.EnsureAsync(source, today, DaysAhead, cancel);
        IReadOnlyList<string> dropped = await DailyPartitions.DropBeforeAsync(source, DateOnly.FromDateTime((time.GetUtcNow() - options.Maintenance.KeepLogs).UtcDateTime), cancel);
        Tell(nameof(LogPartitionsAsync), made.Count + dropped.Count, "partitions made or dropped");
    }

    /// <summary>Deletes contents that no image names.</summary>
    [DisableConcurrentExecution(OneAtATime)]
    public Task ImageGarbageAsync(CancellationToken cancel) => DeleteAsync(
        nameof(ImageGarbageAsync),
        "DELETE FROM contents c WHERE c.stored_at < clock_timestamp() - $1 AND NOT EXISTS (SELECT FROM images i WHERE i.kernel_sha256 = c.sha256 OR i.initrd_sha256 = c.sha256)",
        options.Maintenance.KeepContents,
        cancel);

    /// <summary>Deletes old explanations; the last one of each tenant stays.</summary>
    [DisableConcurrentExecution(OneAtATime)]
    public Task ExplanationsAsync(CancellationToken cancel) => DeleteAsync(
        nameof(ExplanationsAsync),
        "DELETE FROM placement_explanations e WHERE e.at < clock_timestamp() - $1 AND EXISTS (SELECT FROM placement_explanations later WHERE later.tenant_id = e.tenant_id AND later.id > e.id)",
        options.Maintenance.KeepExplanations,
        cancel);

    /// <summary>Deletes hints that nobody could deliver.</summary>
    [DisableConcurrentExecution(OneAtATime)]
    public Task OutboxAsync(CancellationToken cancel) =>
        DeleteAsync(nameof(OutboxAsync), "DELETE FROM outbox_messages WHERE created_at < clock_timestamp() - $1", options.Maintenance.KeepMessages, cancel);

    /// <summary>Deletes idempotency keys whose time is up.</summary>
    [DisableConcurrentExecution(OneAtATime)]
    public Task IdempotencyKeysAsync(CancellationToken cancel) =>
        DeleteAsync(nameof(IdempotencyKeysAsync), "DELETE FROM idempotency_keys WHERE expires_at <= clock_timestamp() - $1", TimeSpan.Zero, cancel);

    /// <summary>Deletes health reports that no longer count, and boot tokens that no longer open anything.</summary>
    [DisableConcurrentExecution(OneAtATime)]
    public async Task HealthSweepAsync(CancellationToken cancel)
    {
        await DeleteAsync("node health reports", "DELETE FROM node_health_reports WHERE expires_at <= clock_timestamp() - $1", TimeSpan.Zero, cancel);
        await DeleteAsync("tenant health reports", "DELETE FROM tenant_health_reports WHERE expires_at <= clock_timestamp() - $1", TimeSpan.Zero, cancel);
        await DeleteAsync("boot tokens", "DELETE FROM node_boot_tokens WHERE expires_at <= clock_timestamp() - $1", TimeSpan.FromDays(1), cancel);
    }

    /// <summary>Deletes what nodes recorded and were ordered long ago, and certificates that were good for nothing since.</summary>
    [DisableConcurrentExecution(OneAtATime)]
    public async Task NodeHistoryAsync(CancellationToken cancel)
    {
        await DeleteAsync("partition events", "DELETE FROM partition_events WHERE at < clock_timestamp() - $1", options.Maintenance.KeepLogs, cancel);
        await DeleteAsync("node commands", "DELETE FROM node_commands WHERE expires_at < clock_timestamp() - $1", options.Maintenance.KeepLogs, cancel);
        await DeleteAsync("node certificates", "DELETE FROM node_certificates WHERE not_after_at < clock_timestamp() - $1", options.Maintenance.KeepLogs, cancel);
    }

    private async Task DeleteAsync(string work, string sql, TimeSpan age, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = age });
        Tell(work, await command.ExecuteNonQueryAsync(cancel), "deleted");
    }

    private void Tell(string work, int count, string what)
    {
        if (log.IsEnabled(LogLevel.Information)) log.Maintained(work, string.Create(CultureInfo.InvariantCulture, $"{count} {what}"));
    }
}
