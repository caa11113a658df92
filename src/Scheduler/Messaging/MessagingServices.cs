using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Osv.Scheduler.Messaging;

/// <summary>The bus between the replicas of a site. A container holds one, so whoever composes the host names all consumers at once.</summary>
public static class MessagingServices
{
    /// <summary>Registers the bus: within the process, or RabbitMQ where an address is given. It never reports its usage to anybody.</summary>
    /// <param name="services">Of the host.</param>
    /// <param name="options">Which transport.</param>
    /// <param name="consumers">Adds the consumers of this process.</param>
    public static IServiceCollection AddOsvBus(this IServiceCollection services, MessagingOptions options, Action<IBusRegistrationConfigurator> consumers)
    {
        services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            // What it carries are hints, so a host without its broker is slower and not out of service.
            bus.ConfigureHealthCheckOptions(check => check.MinimalFailureStatus = HealthStatus.Degraded);
            consumers(bus);
            if (options.RabbitMq is { } address)
            {
                bus.UsingRabbitMq((context, transport) =>
                {
                    transport.Host(address);
                    transport.ConfigureEndpoints(context);
                });
            }
            else
            {
                bus.UsingInMemory((context, transport) => transport.ConfigureEndpoints(context));
            }
        });
        return services;
    }

    /// <summary>A queue for every replica: a hint is for all of them. It goes with the replica.</summary>
    internal static void AddHints(this IBusRegistrationConfigurator bus, SchedulerOptions options) =>
        bus.AddConsumer<WakeConsumer>().Endpoint(endpoint =>
        {
            endpoint.Name = $"osv-scheduler-{options.Replica}";
            endpoint.Temporary = true;
        });
}
