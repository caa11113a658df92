using Osv.Web.Consoles;
using Osv.Web.Hosting;

namespace Osv.Web.Gateway;

/// <summary>The control plane's side of agents. It listens apart from the site.</summary>
internal sealed class GatewayModule : IModule
{
    public void AddServices(WebApplicationBuilder builder)
    {
        IServiceCollection services = builder.Services;
        services.Configure<GatewayOptions>(builder.Configuration.GetSection("Osv:Gateway"));
        services.AddSingleton<GatewayMetrics>();
        services.AddSingleton<AuthorityStore>();
        services.AddSingleton<DatabaseClock>();
        services.AddSingleton<NodeLinks>();
        services.AddSingleton<NodeRegister>();
        services.AddSingleton<FactsReader>();
        services.AddSingleton<HealthReports>();
        services.AddSingleton<InventoryWriter>();
        services.AddSingleton<Enrolments>();
        services.AddSingleton<EnrolmentService>();
        services.AddSingleton<NodeSessionService>();
        services.AddSingleton<IConsoleTransport, ConsoleTransport>();
        AddWriter<HeartbeatFlush>(services);
        AddWriter<ObservationWriter>(services);
        AddWriter<EventWriter>(services);
        AddWriter<Reports>(services);
        AddWriter<DesiredPush>(services);
        services.AddSingleton<GatewayServer>();
        services.AddHostedService(provider => provider.GetRequiredService<GatewayServer>());
    }

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api)
    {
    }

    private static void AddWriter<T>(IServiceCollection services)
        where T : BackgroundService
    {
        services.AddSingleton<T>();
        services.AddHostedService(provider => provider.GetRequiredService<T>());
    }
}
