using MassTransit;
using Osv.Scheduler;
using Osv.Scheduler.Maintenance;
using Osv.Scheduler.Messaging;

namespace Osv.Web.Hosting;

/// <summary>The scheduler as part of this process (configuration Osv:Scheduler), and the bus that both use (Osv:Messaging).</summary>
internal static class SchedulerHosting
{
    public static void AddOsvScheduling(this WebApplicationBuilder builder, IReadOnlyList<IModule> modules)
    {
        var options = new SchedulerOptions();
        builder.Configuration.GetSection("Osv:Scheduler").Bind(options);
        builder.Configuration.GetSection("Osv:Messaging").Bind(options.Messaging);
        builder.Services.AddSingleton(new Replica(options.Replica));
        if (builder.Configuration.GetValue("Osv:Scheduler:Enabled", true))
        {
            builder.Services.AddOsvScheduler(options, Consumers);
        }
        else
        {
            builder.Services.AddOsvBus(options.Messaging, Consumers);
            builder.Services.AddOsvMaintenanceStore();
            builder.Services.AddOsvFleet(options);
        }

        void Consumers(IBusRegistrationConfigurator bus)
        {
            foreach (IModule module in modules) module.AddConsumers(bus, options.Replica);
        }
    }
}

/// <summary>This process among those that serve the site.</summary>
/// <param name="Name">Different for every process and every start.</param>
public sealed record Replica(string Name);
