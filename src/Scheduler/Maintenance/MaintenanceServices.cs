using Hangfire;
using Hangfire.PostgreSql;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Osv.Scheduler.Maintenance;

/// <summary>Hangfire on the database of the site.</summary>
public static class MaintenanceServices
{
    internal const string Schema = "hangfire";

    /// <summary>Registers what the dashboard needs: the store, and its schema at start. A host maps the dashboard, if it wants one, behind its own rights.</summary>
    public static IServiceCollection AddOsvMaintenanceStore(this IServiceCollection services)
    {
        services.AddHostedService<MaintenanceSchema>();
        services.AddHangfire((provider, configuration) => configuration
            .SetDataCompatibilityLevel(CompatibilityLevel.Version_180)
            .UseSimpleAssemblyNameTypeSerializer()
            .UseRecommendedSerializerSettings()
            .UsePostgreSqlStorage(
                storage => storage.UseConnectionFactory(new Connections(provider.GetRequiredService<NpgsqlDataSource>())),
                new PostgreSqlStorageOptions
                {
                    SchemaName = Schema,
                    // MaintenanceSchema does it, so that replicas that start together do not collide.
                    PrepareSchemaIfNecessary = false,
                    // It listens for new jobs, but a lost notification must not delay one for long.
                    QueuePollInterval = TimeSpan.FromSeconds(5),
                    UseSlidingInvisibilityTimeout = true,
                }));
        return services;
    }

    /// <summary>Registers the store and, where this replica does periodic work, the server and the work.</summary>
    internal static void AddMaintenance(this IServiceCollection services, SchedulerOptions options)
    {
        services.AddSingleton<MaintenanceWork>();
        services.AddOsvMaintenanceStore();
        if (!options.Maintenance.Enabled) return;
        services.AddHangfireServer(server =>
        {
            server.ServerName = options.Replica;
            server.WorkerCount = 2;
        });
        services.AddHostedService<MaintenanceSchedule>();
    }

    private sealed class Connections(NpgsqlDataSource source) : IConnectionFactory
    {
        public NpgsqlConnection GetOrCreateConnection() => source.CreateConnection();
    }
}
