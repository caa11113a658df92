namespace Osv.Data.Logs;

/// <summary>A line of a tenant's console. Stored in one partition a day.</summary>
public sealed class ConsoleLine
{
    public required Guid TenantId { get; init; }

    /// <summary>Number of the line since the tenant was created; with the time it makes a repeated delivery harmless.</summary>
    public required long Sequence { get; init; }

    /// <summary>When the agent read it.</summary>
    public required DateTimeOffset At { get; init; }

    public required string Text { get; init; }
}

/// <summary>A reading of a tenant's exit counters. Stored in one partition a day.</summary>
public sealed class ExitSample
{
    public required Guid TenantId { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>Name of the exit reason, as the monitor has it.</summary>
    public required string ExitReason { get; init; }

    /// <summary>Exits for this reason since the tenant's start.</summary>
    public required long Total { get; init; }
}

/// <summary>What a node's agent said about itself. Stored in one partition a day.</summary>
public sealed class AgentLogLine
{
    public required Guid NodeId { get; init; }

    /// <summary>Counts within one run of the agent; with the time it makes a repeated delivery harmless.</summary>
    public required long Number { get; init; }

    /// <summary>When the agent said it.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>"info", "warn" or "error".</summary>
    public required string Level { get; init; }

    public required string Category { get; init; }

    public required string Message { get; init; }
}
