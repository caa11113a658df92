using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Osv.Data;

/// <summary>How the parts get at the database.</summary>
public static class OsvDatabase
{
    /// <summary>Registers the data source (singleton) and a factory of contexts.</summary>
    public static IServiceCollection AddOsvData(this IServiceCollection services, string connectionString)
    {
        services.AddSingleton(_ => NpgsqlDataSource.Create(connectionString));
        services.AddPooledDbContextFactory<OsvDbContext>((provider, options) => Configure(options, provider.GetRequiredService<NpgsqlDataSource>()));
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<OsvDbContext>>().CreateDbContext());
        return services;
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
