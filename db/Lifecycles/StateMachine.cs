using System.Collections.Frozen;

namespace Osv.Data.Lifecycles;

/// <summary>The allowed transitions of a lifecycle. Pure; the database holds a copy of it (table state_transitions) and refuses what it does not list.</summary>
/// <typeparam name="TState">The states.</typeparam>
public sealed class StateMachine<TState>
    where TState : struct, Enum
{
    private readonly FrozenDictionary<TState, FrozenSet<TState>> _next;
    private readonly FrozenSet<TState> _steady;

    /// <param name="name">Name under which the database knows the machine.</param>
    /// <param name="initial">The only state a new row may have.</param>
    /// <param name="steady">States in which nothing is awaited, so that they need no deadline.</param>
    /// <param name="next">Every state with the states that may follow it.</param>
    internal StateMachine(string name, TState initial, IEnumerable<TState> steady, IReadOnlyDictionary<TState, TState[]> next)
    {
        Name = name;
        Initial = initial;
        _steady = steady.ToFrozenSet();
        _next = next.ToFrozenDictionary(pair => pair.Key, pair => pair.Value.ToFrozenSet());
    }

    public string Name { get; }

    public TState Initial { get; }

    public IReadOnlySet<TState> Steady => _steady;

    /// <summary>Every allowed transition, in order of declaration of the states.</summary>
    public IEnumerable<(TState From, TState To)> Transitions =>
        from state in Enum.GetValues<TState>()
        from following in Following(state).Order()
        select (state, following);

    /// <summary>The states that may follow <paramref name="state"/>; empty for a final one.</summary>
    public IReadOnlySet<TState> Following(TState state) => _next.TryGetValue(state, out FrozenSet<TState>? set) ? set : FrozenSet<TState>.Empty;

    public bool Allows(TState from, TState to) => Following(from).Contains(to);

    /// <summary>True where someone must act before a deadline.</summary>
    public bool NeedsDeadline(TState state) => !_steady.Contains(state);
}
