using MassTransit;

namespace Osv.Web.Hosting;

/// <summary>A capability that a host can be composed of: what it needs and what it answers.</summary>
public interface IModule
{
    void AddServices(WebApplicationBuilder builder);

    /// <summary>Adds what it listens to on the bus between replicas.</summary>
    /// <param name="bus">Of this process.</param>
    /// <param name="replica">Name of this process, for queues of its own.</param>
    void AddConsumers(IBusRegistrationConfigurator bus, string replica)
    {
    }

    /// <param name="site">For pages.</param>
    /// <param name="api">The group /api/v1.</param>
    void Map(IEndpointRouteBuilder site, RouteGroupBuilder api);
}
