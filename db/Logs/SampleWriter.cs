using Npgsql;

namespace Osv.Data.Logs;

/// <summary>Stores exit samples in bulk. What arrives twice is stored once.</summary>
public static class SampleWriter
{
    /// <returns>How many samples were new.</returns>
    public static async Task<int> AppendAsync(NpgsqlDataSource source, IReadOnlyCollection<ExitSample> samples, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(
            "INSERT INTO exit_samples (tenant_id, at, exit_reason, total) SELECT * FROM unnest($1, $2, $3, $4) ON CONFLICT DO NOTHING");
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. samples.Select(sample => sample.TenantId)] });
        command.Parameters.Add(new NpgsqlParameter<DateTime[]> { TypedValue = [.. samples.Select(sample => sample.At.UtcDateTime)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. samples.Select(sample => sample.ExitReason)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. samples.Select(sample => sample.Total)] });
        return await command.ExecuteNonQueryAsync(cancel);
    }

    /// <returns>How many lines were new.</returns>
    public static async Task<int> AppendAsync(NpgsqlDataSource source, IReadOnlyCollection<AgentLogLine> lines, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(
            "INSERT INTO agent_log_lines (node_id, number, at, level, category, message) SELECT * FROM unnest($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING");
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. lines.Select(line => line.NodeId)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. lines.Select(line => line.Number)] });
        command.Parameters.Add(new NpgsqlParameter<DateTime[]> { TypedValue = [.. lines.Select(line => line.At.UtcDateTime)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. lines.Select(line => line.Level)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. lines.Select(line => Text(line.Category))] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. lines.Select(line => Text(line.Message))] });
        return await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>PostgreSQL's text holds every character but U+0000.</summary>
    private static string Text(string text) => text.Replace('\0', '\uFFFD');
}
