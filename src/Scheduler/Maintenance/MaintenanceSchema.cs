using Hangfire.PostgreSql;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Osv.Scheduler.Maintenance;

/// <summary>Brings Hangfire's tables to the state that its library needs, before anything uses them. Replicas wait for each other.</summary>
public sealed class MaintenanceSchema(NpgsqlDataSource source) : IHostedLifecycleService
{
    /// <summary>Key of the advisory lock: "OSVHANG" in ASCII.</summary>
    private const long LockKey = 0x4F53_5648_414E_47;

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancellationToken);
        await using (var wait = new NpgsqlCommand("SELECT pg_advisory_lock($1)", connection) { Parameters = { new() { Value = LockKey } }, CommandTimeout = 0 })
        {
            await wait.ExecuteNonQueryAsync(cancellationToken);
        }
        try
        {
            // Its scripts look at the version that is there and do nothing where it is the present one.
            await using NpgsqlConnection work = await source.OpenConnectionAsync(cancellationToken);
            PostgreSqlObjectsInstaller.Install(work, MaintenanceServices.Schema);
        }
        finally
        {
            await using var release = new NpgsqlCommand("SELECT pg_advisory_unlock($1)", connection) { Parameters = { new() { Value = LockKey } } };
            await release.ExecuteNonQueryAsync(CancellationToken.None);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
