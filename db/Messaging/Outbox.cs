using Npgsql;

namespace Osv.Data.Messaging;

/// <summary>A message that this process must deliver.</summary>
public sealed record OutboxDelivery(long Id, Guid MessageId, string MessageType, string Body, int Attempts);

/// <summary>Messages written with the change they tell of, and delivered afterwards at least once.</summary>
public static class Outbox
{
    /// <summary>Adds a message; it is written by the same SaveChanges as the change.</summary>
    /// <param name="context">Where the change is made.</param>
    /// <param name="messageType">Name of the contract, as in "tenant.placed".</param>
    /// <param name="body">JSON.</param>
    /// <param name="now">The present.</param>
    public static void Add(OsvDbContext context, string messageType, string body, DateTimeOffset now) =>
        context.OutboxMessages.Add(new OutboxMessage { MessageId = Guid.CreateVersion7(now), MessageType = messageType, Body = body, CreatedAt = now });

    /// <summary>Claims the oldest messages that nobody has in hand. Those of a deliverer that died come back when its claim runs out.</summary>
    public static async Task<IReadOnlyList<OutboxDelivery>> ClaimAsync(NpgsqlDataSource source, string holder, int most, TimeSpan duration, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(
            """
            WITH free AS MATERIALIZED (
                SELECT id FROM outbox_messages WHERE claimed_until IS NULL OR claimed_until <= clock_timestamp() ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
            UPDATE outbox_messages m SET claimed_by = $1, claimed_until = clock_timestamp() + $3, attempts = m.attempts + 1 FROM free WHERE m.id = free.id
            RETURNING m.id, m.message_id, m.message_type, m.body::text, m.attempts
            """);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = holder });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = most });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = duration });
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancel);
        var messages = new List<OutboxDelivery>();
        while (await reader.ReadAsync(cancel)) messages.Add(new OutboxDelivery(reader.GetInt64(0), reader.GetGuid(1), reader.GetString(2), reader.GetString(3), reader.GetInt32(4)));
        return [.. messages.OrderBy(message => message.Id)];
    }

    /// <summary>Deletes messages that were delivered, as far as the holder still has them.</summary>
    /// <returns>How many were deleted.</returns>
    public static async Task<int> CompleteAsync(NpgsqlDataSource source, string holder, IReadOnlyCollection<long> ids, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand("DELETE FROM outbox_messages WHERE id = ANY ($1) AND claimed_by = $2");
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. ids] });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = holder });
        return await command.ExecuteNonQueryAsync(cancel);
    }
}
