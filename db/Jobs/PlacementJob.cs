namespace Osv.Data.Jobs;

/// <summary>Where a placement job stands.</summary>
public enum JobState
{
    Active,
    Completed,
    Cancelled,
    Failed,
}

/// <summary>A request for a number of equal tenants.</summary>
public sealed class PlacementJob : IVersioned
{
    public required Guid Id { get; init; }

    public required Guid ProjectId { get; init; }

    /// <summary>Unique in the project.</summary>
    public required string Name { get; init; }

    public required int Replicas { get; set; }

    /// <summary>Template of the tenants with constraints and preferences, JSON as submitted.</summary>
    public required string Specification { get; set; }

    public int Priority { get; set; }

    /// <summary>All replicas are placed at once or none is.</summary>
    public bool Gang { get; set; }

    /// <summary>How long the tenants live; null: until stopped.</summary>
    public long? TimeToLiveSeconds { get; set; }

    public required JobState State { get; set; }

    public required string Reason { get; set; }

    /// <summary>When the job fails if its replicas are not placed; null: it waits.</summary>
    public DateTimeOffset? DeadlineAt { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>W3C traceparent of the request that submitted it, so that what follows from it is one trace; null: none, as of a job that runs by the calendar.</summary>
    public string? TraceParent { get; init; }

    public uint RowVersion { get; private set; }
}

/// <summary>A replica of a job and the tenant that fills it.</summary>
public sealed class JobReplica : IVersioned
{
    public required Guid JobId { get; init; }

    /// <summary>From 0.</summary>
    public required int Ordinal { get; init; }

    public Guid? TenantId { get; set; }

    public uint RowVersion { get; private set; }
}

/// <summary>When a job starts anew.</summary>
public sealed class JobSchedule : IVersioned
{
    public required Guid JobId { get; init; }

    /// <summary>Five fields: minute, hour, day of month, month, day of week.</summary>
    public required string Cron { get; set; }

    /// <summary>IANA name.</summary>
    public required string TimeZone { get; set; }

    public bool Paused { get; set; }

    public DateTimeOffset? LastRunAt { get; set; }

    public required DateTimeOffset NextRunAt { get; set; }

    public uint RowVersion { get; private set; }
}

/// <summary>Why a planning attempt ended as it did.</summary>
public sealed class PlacementExplanation
{
    public long Id { get; private set; }

    public required Guid TenantId { get; init; }

    public Guid? JobId { get; init; }

    public required bool Placed { get; init; }

    /// <summary>One sentence with filters, dimensions and counts.</summary>
    public required string Summary { get; init; }

    /// <summary>Counts by filter, the largest shape that would fit, and the candidates with their scores; JSON.</summary>
    public required string Detail { get; init; }

    public required DateTimeOffset At { get; init; }
}
