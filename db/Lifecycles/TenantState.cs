namespace Osv.Data.Lifecycles;

/// <summary>Where a tenant stands.</summary>
public enum TenantState
{
    /// <summary>Wants to run and has no place yet; the reason says why.</summary>
    Pending,
    /// <summary>Owns cores, memory and devices of a node that has not begun to load it.</summary>
    Placed,
    Loading,
    Starting,
    Running,
    Stopping,
    /// <summary>Owns nothing.</summary>
    Stopped,
    /// <summary>Died by itself: triple fault, panic; waits out its restart back-off.</summary>
    Crashed,
    /// <summary>Its cores no longer make progress.</summary>
    Hung,
    /// <summary>Its node does not answer; it may still run, so it keeps its place until it is fenced.</summary>
    Unreachable,
    /// <summary>Given up: the restart policy is exhausted, or what it asks for cannot be done.</summary>
    Failed,
}

/// <summary>The lifecycle of a tenant.</summary>
public static class TenantStates
{
    /// <remarks>A reboot is Stopping then Loading: the place is kept, the memory is scrubbed. Pending after Placed means the place was given up first.</remarks>
    public static StateMachine<TenantState> Machine { get; } = new(
        "tenant",
        TenantState.Pending,
        [TenantState.Running, TenantState.Stopped, TenantState.Failed],
        new Dictionary<TenantState, TenantState[]>
        {
            [TenantState.Pending] = [TenantState.Placed, TenantState.Stopped, TenantState.Failed],
            [TenantState.Placed] = [TenantState.Loading, TenantState.Pending, TenantState.Stopping, TenantState.Unreachable, TenantState.Failed],
            [TenantState.Loading] = [TenantState.Starting, TenantState.Pending, TenantState.Stopping, TenantState.Crashed, TenantState.Unreachable, TenantState.Failed],
            [TenantState.Starting] = [TenantState.Running, TenantState.Stopping, TenantState.Crashed, TenantState.Hung, TenantState.Unreachable, TenantState.Failed],
            [TenantState.Running] = [TenantState.Stopping, TenantState.Crashed, TenantState.Hung, TenantState.Unreachable],
            [TenantState.Stopping] = [TenantState.Stopped, TenantState.Loading, TenantState.Pending, TenantState.Hung, TenantState.Unreachable, TenantState.Failed],
            [TenantState.Stopped] = [TenantState.Pending],
            [TenantState.Crashed] = [TenantState.Loading, TenantState.Pending, TenantState.Stopping, TenantState.Unreachable, TenantState.Failed],
            [TenantState.Hung] = [TenantState.Running, TenantState.Stopping, TenantState.Crashed, TenantState.Unreachable, TenantState.Failed],
            [TenantState.Unreachable] =
            [
                TenantState.Placed, TenantState.Loading, TenantState.Starting, TenantState.Running, TenantState.Stopping, TenantState.Stopped,
                TenantState.Crashed, TenantState.Hung, TenantState.Pending, TenantState.Failed,
            ],
            [TenantState.Failed] = [TenantState.Pending, TenantState.Stopped],
        });
}
