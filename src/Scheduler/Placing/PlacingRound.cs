using Osv.Placement.Plans;
using Osv.Scheduler.Fleets;

namespace Osv.Scheduler.Placing;

/// <summary>A tenant, or all members of a gang, that waits for a place in one round.</summary>
internal sealed class Waiting(TenantRequest tenant, Guid[] members)
{
    /// <summary>Of a gang the first member.</summary>
    public TenantRequest Tenant { get; } = tenant;

    public Guid[] Members { get; } = members;

    public string LastConflict { get; set; } = "";
}

/// <summary>What one round came to.</summary>
internal sealed class PlacingRound
{
    /// <summary>Timestamp of its begin.</summary>
    public required long Started { get; init; }

    public int Placed { get; private set; }

    /// <summary>Tenants that stay Pending, with the reason.</summary>
    public List<(Guid Tenant, string Reason)> Refused { get; } = [];

    public List<AttemptExplanation> Explanations { get; } = [];

    public void Place(AttemptExplanation explanation)
    {
        Placed++;
        Explanations.Add(explanation);
    }

    public void Refuse(Guid tenant, Guid? job, Refusal refusal) => Wait(tenant, job, refusal.Text, Placing.Explanations.Detail(refusal));

    public void Refuse(Guid tenant, Guid? job, string reason, string filter) => Wait(tenant, job, reason, Placing.Explanations.Detail(filter, reason));

    public void Wait(Guid tenant, Guid? job, string reason, string detail)
    {
        Refused.Add((tenant, reason));
        Explanations.Add(new AttemptExplanation(tenant, job, Placed: false, reason, detail));
    }
}
