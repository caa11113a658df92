using Hangfire;
using Hangfire.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Osv.Scheduler.Hosting;
using Osv.Scheduler.Maintenance;

namespace Osv.Scheduler.Tests;

/// <summary>Periodic work.</summary>
public sealed class MaintenanceTests(DatabaseFixture fixture) : SchedulerTest(fixture)
{
    private MaintenanceWork Work => Get<MaintenanceWork>();

    [Fact]
    public async Task Contents_that_no_image_names_are_deleted_when_they_are_old()
    {
        await ProjectAsync();
        await Database.ExecuteAsync("INSERT INTO contents (sha256, size_bytes, stored_at) VALUES (sha256('old'), 1, now() - interval '2 hours'), (sha256('new'), 1, now())");
        await Database.ExecuteAsync("UPDATE contents SET stored_at = now() - interval '2 hours' WHERE sha256 = sha256('kernel')");
        await Work.ImageGarbageAsync(Cancel);
        (await Database.QueryAsync<long>("SELECT count(*) FROM contents WHERE sha256 IN (sha256('kernel'), sha256('new'))")).ShouldBe(2);
        (await Database.QueryAsync<long>("SELECT count(*) FROM contents")).ShouldBe(2);
    }

    [Fact]
    public async Task Partitions_are_made_ahead_and_dropped_when_their_time_is_up()
    {
        await Osv.Data.Logs.DailyPartitions.EnsureAsync(Database.Source, DateOnly.FromDateTime(DateTime.UtcNow).AddDays(-20), 1, Cancel);
        await Work.LogPartitionsAsync(Cancel);
        string[] partitions = [.. await Database.ListAsync<string>("SELECT relname::text FROM pg_class WHERE relname ~ '^console_lines_[0-9]{8}$' ORDER BY 1")];
        partitions.ShouldBe([.. Enumerable.Range(0, 3).Select(day => $"console_lines_{DateTime.UtcNow.AddDays(day):yyyyMMdd}")]);
    }

    [Fact]
    public async Task Keys_reports_and_messages_go_when_their_time_is_up()
    {
        Guid node = (await NodesAsync(1))[0];
        await Database.ExecuteAsync("INSERT INTO idempotency_keys (scope, key, request_sha256, created_at, expires_at) VALUES ('s', 'old', sha256('x'), now(), now() - interval '1 s'), ('s', 'new', sha256('x'), now(), now() + interval '1 hour')");
        await Database.ExecuteAsync("INSERT INTO outbox_messages (message_id, message_type, body, created_at) VALUES (gen_random_uuid(), 't', '{}', now() - interval '2 days'), (gen_random_uuid(), 't', '{}', now())");
        await Database.ExecuteAsync("INSERT INTO node_health_reports (node_id, source, summary, prevents_placement, prevents_state_changes, suppresses_alerts, observed_at, expires_at) VALUES ($1, 'old', '', false, false, false, now(), now() - interval '1 s'), ($1, 'kept', '', false, false, false, now(), NULL)", node);
        await Work.IdempotencyKeysAsync(Cancel);
        await Work.OutboxAsync(Cancel);
        await Work.HealthSweepAsync(Cancel);
        (await Database.ListAsync<string>("SELECT key FROM idempotency_keys")).ShouldBe(["new"]);
        (await Database.QueryAsync<long>("SELECT count(*) FROM outbox_messages")).ShouldBe(1);
        (await Database.ListAsync<string>("SELECT source FROM node_health_reports")).ShouldBe(["kept"]);
    }

    [Fact]
    public async Task The_last_explanation_of_a_tenant_is_kept()
    {
        Guid tenant = await TenantAsync();
        await Database.ExecuteAsync("INSERT INTO placement_explanations (tenant_id, placed, summary, detail, at) VALUES ($1, false, 'first', '{}', now() - interval '30 days'), ($1, false, 'last', '{}', now() - interval '29 days')", tenant);
        await Work.ExplanationsAsync(Cancel);
        (await Database.ListAsync<string>("SELECT summary FROM placement_explanations")).ShouldBe(["last"]);
    }

    [Fact]
    public async Task Hangfire_knows_the_work_and_does_it()
    {
        await Database.ExecuteAsync("INSERT INTO idempotency_keys (scope, key, request_sha256, created_at, expires_at) VALUES ('s', 'old', sha256('x'), now(), now() - interval '1 s')");
        await Database.ExecuteAsync("CREATE FUNCTION tell_deleted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('deleted', ''); RETURN NULL; END $$; CREATE TRIGGER tell AFTER DELETE ON idempotency_keys FOR EACH ROW EXECUTE FUNCTION tell_deleted()");
        await using var listener = await Database.Source.OpenConnectionAsync(Cancel);
        await using (var listen = new Npgsql.NpgsqlCommand("LISTEN deleted", listener)) await listen.ExecuteNonQueryAsync(Cancel);
        await Services.GetServices<IHostedService>().OfType<MaintenanceSchema>().Single().StartingAsync(Cancel);
        IHostedService[] hangfire = [.. Services.GetServices<IHostedService>().Where(service => service is MaintenanceSchedule or BackgroundJobServerHostedService)];
        hangfire.Length.ShouldBe(2);
        foreach (IHostedService service in hangfire) await service.StartAsync(Cancel);
        using (IStorageConnection storage = Get<JobStorage>().GetConnection())
        {
            storage.GetRecurringJobs().Select(job => job.Id).ShouldBe(["explanations", "health-sweep", "idempotency-keys", "image-garbage", "log-partitions", "node-history", "outbox"], ignoreOrder: true);
        }
        Get<IRecurringJobManager>().Trigger("idempotency-keys");
        (await listener.WaitAsync(TimeSpan.FromMinutes(1), Cancel)).ShouldBeTrue();
        foreach (IHostedService service in hangfire) await service.StopAsync(CancellationToken.None);
        await Database.ExecuteAsync("DROP FUNCTION tell_deleted CASCADE");
        await Database.ExecuteAsync("DROP SCHEMA hangfire CASCADE");
    }
}
