using Npgsql;
using Osv.Data;

namespace Osv.Database.Testing;

/// <summary>A database of its own for a test class.</summary>
public sealed class TestDatabase(string name, string connectionString) : IAsyncDisposable
{
    public string Name { get; } = name;

    public NpgsqlDataSource Source { get; } = NpgsqlDataSource.Create(connectionString);

    public OsvDbContext CreateContext() => OsvDatabase.CreateContext(Source);

    /// <summary>Runs SQL with parameters $1, $2, ...</summary>
    /// <returns>Rows affected.</returns>
    public async Task<int> ExecuteAsync(string sql, params object[] parameters)
    {
        await using NpgsqlCommand command = Command(sql, parameters);
        return await command.ExecuteNonQueryAsync();
    }

    /// <summary>The first column of the first row.</summary>
    public async Task<T> QueryAsync<T>(string sql, params object[] parameters)
    {
        await using NpgsqlCommand command = Command(sql, parameters);
        return (T)(await command.ExecuteScalarAsync() ?? throw new InvalidOperationException($"no row: {sql}"));
    }

    /// <summary>The first column of all rows.</summary>
    public async Task<IReadOnlyList<T>> ListAsync<T>(string sql, params object[] parameters)
    {
        await using NpgsqlCommand command = Command(sql, parameters);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        var rows = new List<T>();
        while (await reader.ReadAsync()) rows.Add(reader.GetFieldValue<T>(0));
        return rows;
    }

    public ValueTask DisposeAsync() => Source.DisposeAsync();

    private NpgsqlCommand Command(string sql, object[] parameters)
    {
        NpgsqlCommand command = Source.CreateCommand(sql);
        foreach (object parameter in parameters) command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        return command;
    }
}
