using Osv.Web.Hosting;

namespace Osv.Web.Boot;

/// <summary>Netboot: how a machine becomes a node. It listens apart from the site.</summary>
internal sealed class BootModule : IModule
{
    public void AddServices(WebApplicationBuilder builder)
    {
        IServiceCollection services = builder.Services;
        services.Configure<NetbootOptions>(builder.Configuration.GetSection("Osv:Netboot"));
        services.AddSingleton<NodeAddresses>();
        services.AddSingleton<NodeImage>();
        services.AddSingleton<BootTimeline>();
        services.AddSingleton<BootDesk>();
        services.AddSingleton<ArtifactLinks>();
        services.AddSingleton<TenantArtifacts>();
        services.AddSingleton<NetbootServer>();
        services.AddHostedService(provider => provider.GetRequiredService<NetbootServer>());
    }

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api)
    {
    }
}
