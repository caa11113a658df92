using Npgsql;

namespace Osv.Data.Logs;

/// <summary>Stores consoles: the bytes as they are, and lines cut from them. What is sent again is stored once, whoever receives it.</summary>
public static class ConsoleStore
{
    /// <summary>Stores what nodes sent, in one transaction. Tenants that are gone are left out.</summary>
    /// <returns>The end of each console that grew.</returns>
    public static async Task<IReadOnlyDictionary<Guid, long>> AppendAsync(NpgsqlDataSource source, IReadOnlyList<ConsoleStretch> stretches, CancellationToken cancel)
    {
        Guid[] tenants = [.. stretches.Select(stretch => stretch.TenantId).Distinct()];
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancel);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancel);
        Dictionary<Guid, ConsoleHead> heads = await LockAsync(connection, tenants, cancel);
        Dictionary<(Guid, long), ConsoleInstance> streams = await StreamsAsync(connection, stretches, cancel);
        var chunks = new List<ConsoleChunk>();
        var cutters = heads.ToDictionary(head => head.Key, head => new LineCutter(head.Value));
        var ends = new Dictionary<Guid, long>();
        foreach (ConsoleStretch stretch in stretches.OrderBy(stretch => stretch.Instance).ThenBy(stretch => stretch.Offset))
        {
            if (!heads.TryGetValue(stretch.TenantId, out ConsoleHead? head)) continue;
            int before = chunks.Count;
            Append(stretch, head, streams, cutters[stretch.TenantId], chunks);
            if (chunks.Count > before) ends[stretch.TenantId] = head.Position;
        }
        if (chunks.Count > 0) await WriteAsync(connection, chunks, [.. ends.Keys.Select(tenant => (heads[tenant], cutters[tenant]))], streams, cancel);
        await transaction.CommitAsync(cancel);
        return ends;
    }

    /// <summary>How far the consoles of the tenants placed on a node are stored: of each its last stream.</summary>
    public static async Task<IReadOnlyList<ConsoleInstance>> PositionsAsync(NpgsqlDataSource source, Guid node, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(
            "SELECT DISTINCT ON (s.tenant_id) s.tenant_id, s.instance, s.next_offset, s.last_at FROM console_instances s JOIN placements p ON p.tenant_id = s.tenant_id WHERE p.node_id = $1 ORDER BY s.tenant_id, s.instance DESC");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = node });
        return await ReadAsync(command, cancel);
    }

    /// <summary>Adds to a console what of a stretch is new.</summary>
    private static void Append(ConsoleStretch stretch, ConsoleHead head, Dictionary<(Guid, long), ConsoleInstance> streams, LineCutter cutter, List<ConsoleChunk> chunks)
    {
        ReadOnlyMemory<byte> data = stretch.Data;
        long offset = stretch.Offset, lost = stretch.LostBefore;
        if (streams.TryGetValue((stretch.TenantId, stretch.Instance), out ConsoleInstance? stream))
        {
            long known = Math.Clamp(stream.NextOffset - offset, 0, data.Length);
            // The gap before bytes that are known already was stored with them.
            if (known > 0) lost = 0;
            data = data[(int)known..];
            offset += known;
        }
        else
        {
            streams[(stretch.TenantId, stretch.Instance)] = stream = new ConsoleInstance { TenantId = stretch.TenantId, Instance = stretch.Instance, NextOffset = offset, LastAt = stretch.At };
        }
        if (data.IsEmpty) return;
        if (head.Instance != stretch.Instance) cutter.Break(stretch.At);
        if (lost > 0) cutter.Lose(lost, stretch.At);
        for (int at = 0; at < data.Length; at += ConsoleChunk.MostBytes)
        {
            byte[] piece = data.Slice(at, Math.Min(ConsoleChunk.MostBytes, data.Length - at)).ToArray();
            chunks.Add(new ConsoleChunk { TenantId = stretch.TenantId, Position = head.Position, Instance = stretch.Instance, ByteOffset = offset + at, LostBefore = at == 0 ? lost : 0, At = stretch.At, Data = piece });
            head.Position += piece.Length;
        }
        cutter.Take(data.Span, stretch.At);
        (head.Instance, head.LastAt) = (stretch.Instance, stretch.At);
        (stream.NextOffset, stream.LastAt) = (offset + data.Length, stretch.At);
    }

    /// <summary>The heads of the tenants that exist, locked in the order of their ids.</summary>
    private static async Task<Dictionary<Guid, ConsoleHead>> LockAsync(NpgsqlConnection connection, Guid[] tenants, CancellationToken cancel)
    {
        await using (var make = new NpgsqlCommand(
            "INSERT INTO console_heads (tenant_id, position, instance, line_sequence, open_line, last_at) SELECT t.id, 0, 0, 0, '', clock_timestamp() FROM tenants t WHERE t.id = ANY ($1) ORDER BY t.id ON CONFLICT DO NOTHING", connection))
        {
            make.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = tenants });
            await make.ExecuteNonQueryAsync(cancel);
        }
        await using var command = new NpgsqlCommand("SELECT tenant_id, position, instance, line_sequence, open_line, last_at FROM console_heads WHERE tenant_id = ANY ($1) ORDER BY tenant_id FOR UPDATE", connection);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = tenants });
        var heads = new Dictionary<Guid, ConsoleHead>(tenants.Length);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
        {
            heads[row.GetGuid(0)] = new ConsoleHead
            {
                TenantId = row.GetGuid(0), Position = row.GetInt64(1), Instance = row.GetInt64(2), LineSequence = row.GetInt64(3), OpenLine = row.GetFieldValue<byte[]>(4), LastAt = row.GetFieldValue<DateTimeOffset>(5),
            };
        }
        return heads;
    }

    private static async Task<Dictionary<(Guid, long), ConsoleInstance>> StreamsAsync(NpgsqlConnection connection, IReadOnlyList<ConsoleStretch> stretches, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            "SELECT s.tenant_id, s.instance, s.next_offset, s.last_at FROM console_instances s JOIN (SELECT DISTINCT * FROM unnest($1, $2) AS a(tenant_id, instance)) asked USING (tenant_id, instance)", connection);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. stretches.Select(stretch => stretch.TenantId)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. stretches.Select(stretch => stretch.Instance)] });
        return (await ReadAsync(command, cancel)).ToDictionary(stream => (stream.TenantId, stream.Instance));
    }

    private static async Task<IReadOnlyList<ConsoleInstance>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var streams = new List<ConsoleInstance>();
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel)) streams.Add(new ConsoleInstance { TenantId = row.GetGuid(0), Instance = row.GetInt64(1), NextOffset = row.GetInt64(2), LastAt = row.GetFieldValue<DateTimeOffset>(3) });
        return streams;
    }

    private static async Task WriteAsync(
        NpgsqlConnection connection, List<ConsoleChunk> chunks, IReadOnlyList<(ConsoleHead Head, LineCutter Cutter)> grown, Dictionary<(Guid, long), ConsoleInstance> streams, CancellationToken cancel)
    {
        ConsoleLine[] lines = [.. grown.SelectMany(console => console.Cutter.Lines)];
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new NpgsqlBatchCommand("INSERT INTO console_chunks (tenant_id, position, instance, byte_offset, lost_before, at, data) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)")
        {
            Parameters =
            {
                Array(chunks, chunk => chunk.TenantId), Array(chunks, chunk => chunk.Position), Array(chunks, chunk => chunk.Instance), Array(chunks, chunk => chunk.ByteOffset), Array(chunks, chunk => chunk.LostBefore),
                Array(chunks, chunk => chunk.At.UtcDateTime), Array(chunks, chunk => chunk.Data),
            },
        });
        if (lines.Length > 0)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand("INSERT INTO console_lines (tenant_id, sequence, at, text) SELECT * FROM unnest($1, $2, $3, $4)")
            {
                Parameters = { Array(lines, line => line.TenantId), Array(lines, line => line.Sequence), Array(lines, line => line.At.UtcDateTime), Array(lines, line => Storable(line.Text)) },
            });
        }
        ConsoleInstance[] moved = [.. streams.Values];
        batch.BatchCommands.Add(new NpgsqlBatchCommand(
            "INSERT INTO console_instances (tenant_id, instance, next_offset, last_at) SELECT s.* FROM unnest($1, $2, $3, $4) AS s(tenant_id, instance, next_offset, last_at) JOIN console_heads USING (tenant_id) ON CONFLICT (tenant_id, instance) DO UPDATE SET next_offset = EXCLUDED.next_offset, last_at = EXCLUDED.last_at")
        {
            Parameters = { Array(moved, stream => stream.TenantId), Array(moved, stream => stream.Instance), Array(moved, stream => stream.NextOffset), Array(moved, stream => stream.LastAt.UtcDateTime) },
        });
        batch.BatchCommands.Add(new NpgsqlBatchCommand(
            "UPDATE console_heads h SET position = n.position, instance = n.instance, line_sequence = n.line_sequence, open_line = n.open_line, last_at = n.last_at FROM unnest($1, $2, $3, $4, $5, $6) AS n(tenant_id, position, instance, line_sequence, open_line, last_at) WHERE h.tenant_id = n.tenant_id")
        {
            Parameters =
            {
                Array(grown, console => console.Head.TenantId), Array(grown, console => console.Head.Position), Array(grown, console => console.Head.Instance),
                Array(grown, console => console.Head.LineSequence + console.Cutter.Lines.Count), Array(grown, console => console.Cutter.Open), Array(grown, console => console.Head.LastAt.UtcDateTime),
            },
        });
        await batch.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>PostgreSQL's text holds every character but U+0000, and a console may print that.</summary>
    private static string Storable(string text) => text.Replace('\0', '\uFFFD');

    private static NpgsqlParameter<TValue[]> Array<TRow, TValue>(IReadOnlyCollection<TRow> rows, Func<TRow, TValue> value) => new() { TypedValue = [.. rows.Select(value)] };
}
