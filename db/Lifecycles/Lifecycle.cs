namespace Osv.Data.Lifecycles;

/// <summary>The state of one thing, with who must move it on and until when. The database writes the timeline from changes of this row.</summary>
/// <typeparam name="TState">The states.</typeparam>
public abstract class Lifecycle<TState> : IVersioned
    where TState : struct, Enum
{
    public required TState State { get; set; }

    /// <summary>Why it is in this state, for people.</summary>
    public required string Reason { get; set; }

    /// <summary>Who must move it on: "scheduler", "agent", "operator", ...</summary>
    public required string Owner { get; set; }

    public DateTimeOffset EnteredAt { get; set; }

    /// <summary>When it counts as stalled. Null only in steady states.</summary>
    public DateTimeOffset? DeadlineAt { get; set; }

    /// <summary>When a reconciler should look at it next; null: only when something changes.</summary>
    public DateTimeOffset? DueAt { get; set; }

    /// <summary>The reconciler that has it in hand, until <see cref="ClaimedUntil"/>.</summary>
    public string? ClaimedBy { get; set; }

    public DateTimeOffset? ClaimedUntil { get; set; }

    public uint RowVersion { get; private set; }
}

/// <summary>One line of a timeline. Written by the database alone.</summary>
/// <typeparam name="TState">The states.</typeparam>
public abstract class Transition<TState>
    where TState : struct, Enum
{
    public long Id { get; private set; }

    /// <summary>Null for the first line.</summary>
    public TState? FromState { get; private set; }

    public TState ToState { get; private set; }

    public string Reason { get; private set; } = "";

    public string Owner { get; private set; } = "";

    public DateTimeOffset At { get; private set; }

    public DateTimeOffset? DeadlineAt { get; private set; }
}

/// <summary>The database's copy of the state machines.</summary>
public sealed class StateTransition
{
    public required string Machine { get; init; }

    public required string FromState { get; init; }

    public required string ToState { get; init; }

    /// <summary>The rows that the table must hold.</summary>
    public static IEnumerable<StateTransition> All => [.. Of(NodeStates.Machine), .. Of(TenantStates.Machine)];

    private static IEnumerable<StateTransition> Of<TState>(StateMachine<TState> machine)
        where TState : struct, Enum =>
        machine.Transitions.Select(pair => new StateTransition { Machine = machine.Name, FromState = pair.From.ToString(), ToState = pair.To.ToString() });
}
