using Osv.Web.Hosting;

namespace Osv.Web.Networks;

/// <summary>Networks of projects, in racks whose switch can be told.</summary>
internal sealed class NetworksModule : IModule
{
    public void AddServices(WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<NetworkOptions>().Bind(builder.Configuration.GetSection("Osv:Networks")).PostConfigure(networks => networks.Validate());
        builder.Services.AddSingleton<RackNetworks>();
        builder.Services.AddHostedService<PortPlugs>();
    }

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api)
    {
    }
}
