using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Osv.Data;

/// <summary>How the parts get at the database.</summary>
public static class OsvDatabase
{
    /// <summary>Statements that a connection keeps prepared: more than a process has in frequent use.</summary>
    private const int PreparedStatements = 256;

    /// <summary>Registers the data source (singleton) and a factory of contexts.</summary>
    public static IServiceCollection AddOsvData(this IServiceCollection services, string connectionString)
    {
        services.AddSingleton(_ => CreateSource(connectionString));
        services.AddPooledDbContextFactory<OsvDbContext>((provider, options) => Configure(options, provider.GetRequiredService<NpgsqlDataSource>()));
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<OsvDbContext>>().CreateDbContext());
        return services;
    }

    /// <summary>
    /// A data source whose connections prepare what they are asked again and again: most statements here take PostgreSQL longer to plan than to run.
    /// They are not reset between uses, which would be seven more statements each time: what is left in a session does
    /// no harm. Settings are SET LOCAL, locks are a transaction's or released by who took them, a transaction that is still open is rolled back all
    /// the same, and Hangfire's LISTEN costs an idle session a notice now and then.
    /// A connection string that has its own word on it, as for a pooler in between that cannot keep statements, is followed.
    /// </summary>
    public static NpgsqlDataSource CreateSource(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        if (!settings.ShouldSerialize("Max Auto Prepare")) settings.MaxAutoPrepare = PreparedStatements;
        if (!settings.ShouldSerialize("No Reset On Close")) settings.NoResetOnClose = true;
        return NpgsqlDataSource.Create(settings);
    }

    /// <summary>A context outside of a container.</summary>
    public static OsvDbContext CreateContext(NpgsqlDataSource source)
    {
        var options = new DbContextOptionsBuilder<OsvDbContext>();
        Configure(options, source);
        return new OsvDbContext(options.Options);
    }

    private static void Configure(DbContextOptionsBuilder options, NpgsqlDataSource source) =>
        options.UseNpgsql(source, npgsql => npgsql.SetPostgresVersion(15, 0).MigrationsHistoryTable("migrations")).UseSnakeCaseNamingConvention();

    /// <summary>Lets the migration tool build the model; it never connects.</summary>
    internal sealed class DesignTimeFactory : IDesignTimeDbContextFactory<OsvDbContext>
    {
        public OsvDbContext CreateDbContext(string[] args)
        {
            var options = new DbContextOptionsBuilder<OsvDbContext>();
            Configure(options, NpgsqlDataSource.Create("Host=127.0.0.1"));
            return new OsvDbContext(options.Options);
        }
    }
}
