using Npgsql;
using Osv.Data;
using Osv.Web.Access;

namespace Osv.Web.Hosting;

/// <summary>Brings the schema up to date before the server listens, and makes the first administrator where asked to.</summary>
internal sealed class DatabaseStart(NpgsqlDataSource source, IServiceScopeFactory scopes, IConfiguration configuration) : IHostedLifecycleService
{
    public bool Completed { get; private set; }

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        await DatabaseMigrator.MigrateAsync(source, cancellationToken);
        if (configuration["Osv:FirstAdministrator"] is { Length: > 0 } name)
        {
            await using AsyncServiceScope scope = scopes.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<FirstAdministrator>().CreateAsync(name, configuration["Osv:FirstPasswordFile"], cancellationToken);
        }
        Completed = true;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
