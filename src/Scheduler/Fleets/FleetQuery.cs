using Npgsql;

namespace Osv.Scheduler.Fleets;

/// <summary>A query about nodes or tenants, and what becomes of each row.</summary>
/// <param name="Sql">With one parameter, or none.</param>
internal readonly record struct FleetQuery(string Sql, Action<NpgsqlDataReader> Read)
{
    /// <summary>Condition on an id: it is one of the parameter's.</summary>
    public const string AnyOf = "= ANY ($1)";

    /// <summary>Condition on an id: it is the parameter. PostgreSQL keeps a plan for it, where it makes one for every array of one.</summary>
    public const string Only = "= $1";

    /// <summary>Condition on the id of a tenant: it has its place on the node that is the parameter.</summary>
    public const string PlacedOn = "IN (SELECT tenant_id FROM placements WHERE node_id = $1)";

    public static NpgsqlParameter Parameter(IReadOnlyCollection<Guid> ids) => new NpgsqlParameter<Guid[]> { TypedValue = [.. ids] };

    public static NpgsqlParameter Parameter(Guid id) => new NpgsqlParameter<Guid> { TypedValue = id };

    /// <summary>Runs queries one after the other, all in one message to the database.</summary>
    /// <param name="parameter">Makes the one that all have that name it.</param>
    public static async Task RunAsync(NpgsqlConnection connection, IReadOnlyList<FleetQuery> queries, Func<NpgsqlParameter>? parameter, CancellationToken cancel)
    {
        await using var batch = new NpgsqlBatch(connection);
        foreach (FleetQuery query in queries)
        {
            var command = new NpgsqlBatchCommand(query.Sql);
            if (parameter is not null) command.Parameters.Add(parameter());
            batch.BatchCommands.Add(command);
        }
        await using NpgsqlDataReader row = await batch.ExecuteReaderAsync(cancel);
        foreach (FleetQuery query in queries)
        {
            while (await row.ReadAsync(cancel)) query.Read(row);
            await row.NextResultAsync(cancel);
        }
    }
}
