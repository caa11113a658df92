using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Osv.Web.Hosting;

/// <summary>
/// A listener with a pipeline of its own beside the site's: what is for machines shares no endpoint, cookie or policy with what is for people, and
/// neither answers on the other's port.
/// </summary>
internal static class SideListener
{
    /// <param name="site">Services of the process; the listener logs where they log.</param>
    /// <param name="listen">Scheme, address and port; port 0: any free one.</param>
    /// <param name="endpoint">Protocols and TLS.</param>
    /// <param name="services">Services of the listener alone.</param>
    public static WebApplication Build(IServiceProvider site, Uri listen, Action<ListenOptions> endpoint, Action<KestrelServerLimits> limits, Action<IServiceCollection> services)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ApplicationName = typeof(SideListener).Assembly.GetName().Name });
        // What configures the site (urls, Kestrel's own section) is not for this one.
        builder.Configuration.Sources.Clear();
        builder.Services.AddSingleton(site.GetRequiredService<ILoggerFactory>());
        builder.Services.AddSingleton(site.GetRequiredService<TimeProvider>());
        // The process has one lifetime, and the site holds it.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            limits(kestrel.Limits);
            kestrel.Listen(AddressOf(listen), listen.Port, endpoint);
        });
        services(builder.Services);
        return builder.Build();
    }

    /// <summary>Where it listens, with the port it got.</summary>
    public static Uri AddressOf(WebApplication listener)
    {
        string bound = listener.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return new Uri(bound);
    }

    private static IPAddress AddressOf(Uri listen) => listen.Host switch
    {
        "localhost" => IPAddress.Loopback,
        string host when IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) => address,
        _ => throw new InvalidOperationException($"{listen} names no address of this machine: use an IP address, 0.0.0.0 for all"),
    };

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
