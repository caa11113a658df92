using System.Diagnostics;
using MassTransit.Logging;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Osv.Scheduler.Hosting;
using Osv.Web.Gateway;

namespace Osv.Web.Hosting;

/// <summary>
/// Metrics of requests, connections, the runtime, the database and the scheduler, scraped at /metrics by whoever holds a token with metrics:read; and,
/// only where configuration Osv:Telemetry:Otlp names a collector, traces that are sent there.
/// </summary>
internal static class Telemetry
{
    /// <param name="services">Of the host.</param>
    /// <param name="name">Of the process, in metrics and traces.</param>
    /// <param name="configuration">Osv:Telemetry:Otlp as http://collector:4318, Osv:Telemetry:Protocol as HttpProtobuf (default) or Grpc.</param>
    public static void AddOsvTelemetry(this IServiceCollection services, string name, IConfiguration configuration)
    {
        OpenTelemetryBuilder telemetry = services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(name, serviceVersion: typeof(Telemetry).Assembly.GetName().Version?.ToString()))
            .WithMetrics(metrics => metrics
                .AddAspNetCoreInstrumentation()
                .AddRuntimeInstrumentation()
                .AddMeter("Npgsql", SchedulerMetrics.MeterName, GatewayMetrics.Name)
                .AddPrometheusExporter());
        if (configuration["Osv:Telemetry:Otlp"] is not { Length: > 0 } collector) return;
        if (!Uri.TryCreate(collector, UriKind.Absolute, out Uri? address) || address.Scheme is not ("http" or "https"))
        {
            throw new InvalidOperationException($"Osv:Telemetry:Otlp is '{collector}' and no address: use one as http://collector:4318");
        }
        OtlpExportProtocol protocol = configuration.GetValue("Osv:Telemetry:Protocol", OtlpExportProtocol.HttpProtobuf);
        telemetry.WithTracing(tracing => tracing
            .SetSampler(new ParentBasedSampler(new RootSampler()))
            .AddSource(WebTraces.SourceName, SchedulerTraces.SourceName, GatewayMetrics.Source.Name, DiagnosticHeaders.DefaultListenerName)
            .AddAspNetCoreInstrumentation(requests => requests.Filter = context => !Quiet.Is(context.Request.Path))
            .AddNpgsql()
            .AddOtlpExporter(exporter =>
            {
                exporter.Protocol = protocol;
                exporter.Endpoint = protocol == OtlpExportProtocol.Grpc ? address : new Uri(address, "/v1/traces");
            }));
    }

    /// <summary>Begins traces with what somebody asked for. The rounds of the scheduler, which look into the database every second, begin none.</summary>
    private sealed class RootSampler : Sampler
    {
        public override SamplingResult ShouldSample(in SamplingParameters samplingParameters) =>
            new(samplingParameters.Kind == ActivityKind.Client ? SamplingDecision.Drop : SamplingDecision.RecordAndSample);
    }

    /// <summary>Asked for by programs, all the time.</summary>
    private static class Quiet
    {
        public static bool Is(PathString path) => path.StartsWithSegments("/healthz") || path.StartsWithSegments("/readyz") || path.StartsWithSegments("/metrics") || path.StartsWithSegments("/_blazor");
    }
}

/// <summary>The acts of people and programs as spans.</summary>
internal static class WebTraces
{
    public const string SourceName = "Osv.Web";

    public static ActivitySource Source { get; } = new(SourceName);
}
