using Osv.Placement.Plans;

namespace Osv.Placement.Nodes;

/// <summary>Changes to a fleet that are taken back when the trial ends: planners look ahead with it and leave no trace.</summary>
internal sealed class Trial(Fleet fleet) : IDisposable
{
    private readonly Stack<(PlacedTenant Tenant, bool Placed)> _journal = [];
    private readonly Stack<(int Node, NodeState State)> _states = [];

    public int Depth => _journal.Count;

    public Conflict? Place(PlacedTenant tenant)
    {
        Conflict? conflict = fleet.Place(tenant);
        if (conflict is null) _journal.Push((tenant, true));
        return conflict;
    }

    public void Remove(PlacedTenant tenant)
    {
        if (!fleet.Remove(tenant.Name)) throw new InvalidOperationException($"tenant {tenant.Name} is not in the fleet");
        _journal.Push((tenant, false));
    }

    public void SetState(int node, NodeState state)
    {
        _states.Push((node, fleet.StateOf(node)));
        fleet.SetState(node, state);
    }

    /// <summary>Undoes down to an earlier depth.</summary>
    public void RollBack(int depth)
    {
        while (_journal.Count > depth)
        {
            (PlacedTenant tenant, bool placed) = _journal.Pop();
            if (placed) fleet.Remove(tenant.Name);
            else if (fleet.Place(tenant) is { } conflict) throw new InvalidOperationException($"tenant {tenant.Name} cannot be put back: {conflict.Text}");
        }
    }

    /// <summary>The changes stay.</summary>
    public void Keep()
    {
        _journal.Clear();
        _states.Clear();
    }

    public void Dispose()
    {
        RollBack(0);
        while (_states.TryPop(out (int Node, NodeState State) was)) fleet.SetState(was.Node, was.State);
    }
}
