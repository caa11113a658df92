using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Osv.Data.Placements;
using Osv.Scheduler.Fleets;
using Osv.Scheduler.Hosting;
using Osv.Scheduler.Jobs;
using Osv.Scheduler.Maintenance;
using Osv.Scheduler.Messaging;
using Osv.Scheduler.Nodes;
using Osv.Scheduler.Placing;
using Osv.Scheduler.Tenants;

namespace Osv.Scheduler;

/// <summary>The scheduler as a module of a host.</summary>
public static class SchedulerServices
{
    /// <summary>
    /// Registers the scheduler's hosted services. Any number of processes may run them on one database. The host has registered the database
    /// (<c>AddOsvData</c>) and brings it to the present schema before hosted services start.
    /// </summary>
    /// <param name="services">Of the host.</param>
    /// <param name="options">How this replica behaves.</param>
    /// <param name="consumers">Adds what else the host listens to on the bus.</param>
    public static IServiceCollection AddOsvScheduler(this IServiceCollection services, SchedulerOptions options, Action<IBusRegistrationConfigurator>? consumers = null)
    {
        services.AddOsvFleet(options);
        services.AddMetrics();
        services.AddSingleton<SchedulerMetrics>();
        services.AddSingleton<WakeSignals>();
        services.AddSingleton<CommitCounters>();
        services.AddSingleton(provider => new PlacementCommit(provider.GetRequiredService<NpgsqlDataSource>(), provider.GetRequiredService<CommitCounters>()) { LoadWithin = options.Placing.LoadWithin });
        services.AddSingleton<Placer>();
        services.AddSingleton<TenantReconciler>();
        services.AddSingleton<TenantRound>();
        services.AddSingleton<NodeReconciler>();
        services.AddSingleton<Drainer>();
        services.AddSingleton<NodeRound>();
        services.AddSingleton<SweepRound>();
        services.AddSingleton<ReplicaMaker>();
        services.AddSingleton<JobRound>();
        services.AddSingleton<OutboxRound>();
        services.AddLoop<TenantRound>("tenants", wake => wake.Tenants);
        services.AddLoop<NodeRound>("nodes", wake => wake.Nodes);
        services.AddLoop<JobRound>("jobs", wake => wake.Jobs);
        services.AddLoop<OutboxRound>("outbox", wake => wake.Outbox);
        services.AddLoop<SweepRound>("sweep", _ => new WakeSignal());
        services.AddOsvBus(options.Messaging, bus =>
        {
            bus.AddHints(options);
            consumers?.Invoke(bus);
        });
        services.AddMaintenance(options);
        return services;
    }

    /// <summary>Registers what reads the fleet as the planner sees it, for a host that does not plan.</summary>
    public static IServiceCollection AddOsvFleet(this IServiceCollection services, SchedulerOptions options)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(options);
        // One for each user: a cache serves one thread.
        services.TryAddTransient<FleetCache>();
        return services;
    }

    private static void AddLoop<TRound>(this IServiceCollection services, string name, Func<WakeSignals, WakeSignal> signal)
        where TRound : IRound =>
        services.AddSingleton<IHostedService>(provider => new SchedulerLoop(
            name,
            provider.GetRequiredService<TRound>(),
            signal(provider.GetRequiredService<WakeSignals>()),
            provider.GetRequiredService<SchedulerOptions>().Poll,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<SchedulerMetrics>(),
            provider.GetRequiredService<ILoggerFactory>().CreateLogger($"Osv.Scheduler.{name}")));
}
