using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Security.Claims;
using Osv.Web.Access;
using Osv.Web.Hosting;

namespace Osv.Web.Events;

/// <summary>Live news for programs.</summary>
internal sealed class EventsModule : IModule
{
    /// <summary>So often a silent stream says that it lives, and looks whether its reader still may listen.</summary>
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    public void AddServices(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ChangeFeed>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<ChangeFeed>());
    }

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api) =>
        api.MapGet("/events", (Caller caller, HttpContext http, CallerLoader loader, ChangeFeed feed, IHostApplicationLifetime lifetime, CancellationToken cancel) =>
                TypedResults.ServerSentEvents(Stream(caller, http.User, loader, feed, lifetime, cancel)))
            .Allow(Scopes.EventsRead).Produces(200, contentType: "text/event-stream").WithTags("Events").WithName("WatchEvents")
            .WithSummary("Transitions and acts as server-sent events, from now on: node, tenant, act, and alive every 15 s. A reader that reconnects reads the lists again");

    private static async IAsyncEnumerable<SseItem<FleetEvent?>> Stream(Caller caller, ClaimsPrincipal user, CallerLoader loader, ChangeFeed feed, IHostApplicationLifetime lifetime, [EnumeratorCancellation] CancellationToken cancel)
    {
        // A stream without end must not hold up a host that stops.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancel, lifetime.ApplicationStopping);
        using ChangeFeed.Watcher watcher = feed.Watch();
        yield return new SseItem<FleetEvent?>(null, "alive");
        Caller? present = caller;
        long checkedAt = Environment.TickCount64;
        while (present is not null)
        {
            bool news;
            using (var quiet = CancellationTokenSource.CreateLinkedTokenSource(end.Token))
            {
                quiet.CancelAfter(KeepAlive);
                try
                {
                    news = await watcher.Events.WaitToReadAsync(quiet.Token);
                }
                catch (OperationCanceledException) when (!end.IsCancellationRequested)
                {
                    news = false;
                }
                catch (OperationCanceledException)
                {
                    yield break;
                }
            }
            if (!news) yield return new SseItem<FleetEvent?>(null, "alive");
            // Rights may have been taken away, or a project joined, since the stream began.
            if (!news || Environment.TickCount64 - checkedAt > KeepAlive.TotalMilliseconds)
            {
                present = await loader.LoadAsync(user, caller.Token, cancel);
                checkedAt = Environment.TickCount64;
            }
            while (present is not null && watcher.Events.TryRead(out FleetEvent? next))
            {
                if (next.IsFor(present)) yield return new SseItem<FleetEvent?>(next, next.Kind);
            }
        }
    }
}
