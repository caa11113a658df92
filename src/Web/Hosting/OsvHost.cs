using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Web.Access;
using Osv.Web.Audit;
using Osv.Web.Boot;
using Osv.Web.Capacity;
using Osv.Web.Console;
using Osv.Web.Consoles;
using Osv.Web.Events;
using Osv.Web.Gateway;
using Osv.Web.Images;
using Osv.Web.Jobs;
using Osv.Web.Maintenance;
using Osv.Web.Networks;
using Osv.Web.Nodes;
using Osv.Web.Projects;
using Osv.Web.Tenants;
using Serilog;
using Serilog.Events;
using Serilog.Formatting.Compact;

namespace Osv.Web.Hosting;

/// <summary>Composes the web host of modules.</summary>
public static class OsvHost
{
    /// <summary>Loopback only, unless configuration (urls) says otherwise: the console is opened to a network on purpose, never by default.</summary>
    public const string DefaultUrl = "http://127.0.0.1:5080";

    /// <summary>Of the site: everything.</summary>
    public static IReadOnlyList<IModule> Modules { get; } =
    [
        new IdentityModule(), new AccessModule(), new AuditModule(), new ProjectsModule(), new ImagesModule(), new NodesModule(), new TenantsModule(), new ConsolesModule(), new JobsModule(),
        new CapacityModule(), new EventsModule(), new ConsoleModule(), new MaintenanceModule(), new GatewayModule(), new NetworksModule(), new BootModule(),
    ];

    /// <summary>Of a process that runs the scheduler alone (Osv:Web:Enabled=false): it answers health and metrics, nothing else.</summary>
    public static IReadOnlyList<IModule> WithoutWeb { get; } = [new IdentityModule()];

    /// <param name="arguments">Command line, as in --urls or --Osv:FirstAdministrator=admin.</param>
    /// <param name="configure">Last word on services and configuration.</param>
    /// <exception cref="InvalidOperationException">The connection string is missing.</exception>
    public static WebApplication Build(string[] arguments, Action<WebApplicationBuilder>? configure = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = arguments,
            ApplicationName = typeof(OsvHost).Assembly.GetName().Name,
            // Started from anywhere, it finds its files beside its assembly.
            ContentRootPath = AppContext.BaseDirectory,
        });
        // Where the build left a list of the assets (not in published output, which holds the files themselves), they are served from it in every environment.
        builder.WebHost.UseStaticWebAssets();
        if (builder.Configuration["urls"] is null) builder.WebHost.UseUrls(DefaultUrl);
        builder.Services.AddSerilog((_, logging) => logging
            .ReadFrom.Configuration(builder.Configuration)
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            .MinimumLevel.Override("Hangfire", LogEventLevel.Warning)
            .MinimumLevel.Override("MassTransit", LogEventLevel.Warning)
            .MinimumLevel.Override("Microsoft.Hosting.Lifetime", LogEventLevel.Information)
            // What the database refuses is answered, or logged once by the handler of exceptions.
            .MinimumLevel.Override("Microsoft.EntityFrameworkCore.Database.Command", LogEventLevel.Fatal)
            .MinimumLevel.Override("Microsoft.EntityFrameworkCore.Update", LogEventLevel.Fatal)
            // Warns of every subquery that finds one row by its key, and of every answer that must not be cached and says so.
            .MinimumLevel.Override("Microsoft.EntityFrameworkCore.Query", LogEventLevel.Error)
            .MinimumLevel.Override("Microsoft.AspNetCore.Antiforgery", LogEventLevel.Error)
            .Enrich.FromLogContext()
            .WriteTo.Console(new RenderedCompactJsonFormatter()));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = RequestLimits.BodyBytes;
        });
        builder.Services.AddOsvData(builder.Configuration.GetConnectionString("Osv")
            ?? throw new InvalidOperationException("no database is named: set ConnectionStrings:Osv (environment ConnectionStrings__Osv) to one of PostgreSQL 15 or newer"));
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddOsvProblems();
        bool web = builder.Configuration.GetValue("Osv:Web:Enabled", true);
        builder.Services.AddOsvTelemetry(web ? "osv-web" : "osv-scheduler", builder.Configuration);
        builder.Services.AddOsvRateLimits(builder.Configuration);
        builder.Services.AddSingleton<ReadLimit>();
        builder.Services.AddOsvOpenApi();
        builder.Services.AddHealthChecks().AddCheck<DatabaseHealth>("database");
        builder.Services.AddSingleton<AuditTrail>();
        builder.Services.AddScoped<FirstAdministrator>();
        builder.Services.AddSingleton<DatabaseStart>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<DatabaseStart>());
        builder.Services.AddSingleton<Idempotency>();
        builder.Services.ConfigureHttpJsonOptions(options => ApiJson.Apply(options.SerializerOptions));
        IReadOnlyList<IModule> modules = web ? Modules : WithoutWeb;
        foreach (IModule module in modules) module.AddServices(builder);
        builder.AddOsvScheduling(modules);
        configure?.Invoke(builder);

        WebApplication app = builder.Build();
        app.UseSerilogRequestLogging(options =>
        {
            options.IncludeQueryInRequestPath = false;
            options.GetLevel = (context, _, failed) => RequestLevel(context, failed);
        });
        app.UseMiddleware<SecurityHeaders>();
        app.UseOsvProblems();
        if (web) app.MapStaticAssets().AllowAnonymous();
        // A connection that went away without a word is noticed, and a proxy between sees that ours lives.
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(15), KeepAliveTimeout = TimeSpan.FromSeconds(30) });
        app.UseRouting();
        app.UseAuthentication();
        app.UseMiddleware<CallerMiddleware>();
        app.UseRateLimiter();
        app.UseMiddleware<RefusalAudit>();
        app.UseAuthorization();
        app.UseAntiforgery();
        app.MapOsvHealth();
        if (web) app.MapOsvOpenApi();
        app.MapPrometheusScrapingEndpoint("/metrics").Allow(Scopes.MetricsRead, Data.Access.SiteRole.Operator);
        RouteGroupBuilder api = app.MapGroup("/api/v1");
        api.AddEndpointFilter<CookieAntiforgery>();
        api.AddEndpointFilter<BodyCheck>();
        api.AddEndpointFilter<ReadLimit.Filter>();
        foreach (IModule module in modules) module.Map(app, api);
        return app;
    }

    /// <summary>Reads that went well are counted, not logged: programs ask all the time, and each line waits for all others to be written.</summary>
    private static LogEventLevel RequestLevel(HttpContext context, Exception? failed) =>
        failed is not null || context.Response.StatusCode >= StatusCodes.Status500InternalServerError ? LogEventLevel.Error
        : context.Response.StatusCode is (>= StatusCodes.Status200OK and < StatusCodes.Status300MultipleChoices) or StatusCodes.Status304NotModified && (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method)) ? LogEventLevel.Debug
        : LogEventLevel.Information;
}
