using Osv.Data.Logs;
using Osv.Web.Tests;

namespace Osv.Cli.Tests;

/// <summary>What the scheduler and the agents do, played by writing their rows.</summary>
internal static class Play
{
    /// <summary>A tenant comes into a state, one of those that may follow its present one.</summary>
    public static Task<int> EnterAsync(this Site site, Guid tenant, string state, string reason) => site.Database.ExecuteAsync(
        "UPDATE tenant_lifecycles SET state = $2, reason = $3, owner = 'agent', deadline_at = CASE WHEN $2 <> 'Running' THEN now() + interval '2 minutes' END WHERE tenant_id = $1", tenant, state, reason);

    /// <summary>A node comes into a state, one of those that may follow its present one.</summary>
    public static Task<int> MoveAsync(this Site site, Guid node, string state, string reason) => site.Database.ExecuteAsync(
        "UPDATE node_lifecycles SET state = $2, reason = $3, owner = 'scheduler', deadline_at = CASE WHEN $2 = 'Draining' THEN now() + interval '1 hour' END WHERE node_id = $1", node, state, reason);

    /// <summary>An agent reads the exit counters of a tenant.</summary>
    public static Task CountExitsAsync(this Site site, Guid tenant, params (string Reason, long Total)[] exits)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        return SampleWriter.AppendAsync(site.Database.Source, [.. exits.Select(exit => new ExitSample { TenantId = tenant, At = now, ExitReason = exit.Reason, Total = exit.Total })], TestContext.Current.CancellationToken);
    }

    /// <summary>A deleted tenant's place is freed and its rows go, as at the end of its life.</summary>
    public static async Task ForgetAsync(this Site site, Guid tenant)
    {
        await site.Database.ExecuteAsync("DELETE FROM placements WHERE tenant_id = $1", tenant);
        await site.Database.ExecuteAsync("DELETE FROM tenants WHERE id = $1", tenant);
    }
}
