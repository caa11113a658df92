using MudBlazor;
using MudBlazor.Services;
using Osv.Web.Hosting;

namespace Osv.Web.Console;

/// <summary>The pages for people. They use the same capabilities as the API, with the rights of whoever is signed in.</summary>
internal sealed class ConsoleModule : IModule
{
    public void AddServices(WebApplicationBuilder builder)
    {
        builder.Services.AddRazorComponents().AddInteractiveServerComponents();
        builder.Services.AddMudServices(options =>
        {
            options.SnackbarConfiguration.PositionClass = Defaults.Classes.Position.BottomRight;
            options.SnackbarConfiguration.VisibleStateDuration = 6000;
        });
        builder.Services.AddCascadingAuthenticationState();
        builder.Services.AddScoped<Session>();
        builder.Services.AddSingleton<Overview.OverviewQueries>();
    }

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api) =>
        site.MapRazorComponents<App>()
            // Frames are forbidden by the policy that every answer has.
            .AddInteractiveServerRenderMode(options => options.ContentSecurityFrameAncestorsPolicy = null);
}
