using Npgsql;

namespace Osv.Data.Placements;

/// <summary>Short forms for batches of statements with positional parameters.</summary>
internal static class BatchExtensions
{
    public static void Add(this NpgsqlBatch batch, string sql) => batch.BatchCommands.Add(new NpgsqlBatchCommand(sql));

    public static void Add<T1>(this NpgsqlBatch batch, string sql, T1 first) =>
        batch.BatchCommands.Add(new NpgsqlBatchCommand(sql) { Parameters = { new NpgsqlParameter<T1> { TypedValue = first } } });

    public static void Add<T1, T2>(this NpgsqlBatch batch, string sql, T1 first, T2 second) =>
        batch.BatchCommands.Add(new NpgsqlBatchCommand(sql) { Parameters = { new NpgsqlParameter<T1> { TypedValue = first }, new NpgsqlParameter<T2> { TypedValue = second } } });

    public static void Add<T1, T2, T3>(this NpgsqlBatch batch, string sql, T1 first, T2 second, T3 third) =>
        batch.BatchCommands.Add(new NpgsqlBatchCommand(sql) { Parameters = { new NpgsqlParameter<T1> { TypedValue = first }, new NpgsqlParameter<T2> { TypedValue = second }, new NpgsqlParameter<T3> { TypedValue = third } } });

    public static void Add<T1, T2, T3, T4>(this NpgsqlBatch batch, string sql, T1 first, T2 second, T3 third, T4 fourth) =>
        batch.BatchCommands.Add(new NpgsqlBatchCommand(sql)
        {
            Parameters = { new NpgsqlParameter<T1> { TypedValue = first }, new NpgsqlParameter<T2> { TypedValue = second }, new NpgsqlParameter<T3> { TypedValue = third }, new NpgsqlParameter<T4> { TypedValue = fourth } },
        });
}
