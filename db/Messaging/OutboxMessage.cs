namespace Osv.Data.Messaging;

/// <summary>A message that exists if and only if the change it tells of was committed. Delivered at least once, then deleted.</summary>
public sealed class OutboxMessage
{
    public long Id { get; private set; }

    /// <summary>Lets receivers recognise a repetition.</summary>
    public required Guid MessageId { get; init; }

    /// <summary>Name of the message's contract.</summary>
    public required string MessageType { get; init; }

    /// <summary>JSON.</summary>
    public required string Body { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public int Attempts { get; private set; }

    public string? ClaimedBy { get; private set; }

    public DateTimeOffset? ClaimedUntil { get; private set; }
}

/// <summary>A request or message that was acted on, so that a repetition gets the first answer instead of a second effect.</summary>
public sealed class IdempotencyKey
{
    /// <summary>Who chose the key: a user and endpoint, or the consumer of a message.</summary>
    public required string Scope { get; init; }

    public required string Key { get; init; }

    /// <summary>SHA-256 of the request, 32 bytes: the same key with another request is an error.</summary>
    public required byte[] RequestSha256 { get; init; }

    /// <summary>Null while the first request is under way.</summary>
    public int? ResponseStatus { get; set; }

    public string? ResponseBody { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }
}
