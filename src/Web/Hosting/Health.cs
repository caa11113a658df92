using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace Osv.Web.Hosting;

/// <summary>/healthz: the process answers. /readyz: it can also serve.</summary>
internal static class Health
{
    public static void MapOsvHealth(this IEndpointRouteBuilder app)
    {
        app.MapHealthChecks("/healthz", new HealthCheckOptions { Predicate = _ => false }).AllowAnonymous();
        app.MapHealthChecks("/readyz").AllowAnonymous();
    }
}

/// <summary>Ready means that the database answers and its schema is the one this program was built with.</summary>
internal sealed class DatabaseHealth(NpgsqlDataSource source, DatabaseStart start) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (!start.Completed) return HealthCheckResult.Unhealthy("the schema is being brought up to date");
        try
        {
            await using NpgsqlCommand command = source.CreateCommand("SELECT 1");
            await command.ExecuteScalarAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (NpgsqlException down)
        {
            return HealthCheckResult.Unhealthy("PostgreSQL does not answer", down);
        }
    }
}
