using System.Globalization;
using Microsoft.Extensions.Logging;
using Npgsql;
using Osv.Data.Placements;
using Osv.Placement.Batches;
using Osv.Placement.Plans;
using Osv.Scheduler.Fleets;
using Osv.Scheduler.Hosting;

namespace Osv.Scheduler.Placing;

/// <summary>
/// Finds places for tenants that wait: plans in memory, commits, walks on to the next candidate where the commit names a conflict, plans anew,
/// and says why where there is no place. One thread at a time.
/// </summary>
public sealed class Placer(NpgsqlDataSource source, FleetCache cache, PlacementCommit commit, SchedulerOptions options, SchedulerMetrics metrics, TimeProvider time, ILogger<Placer> log)
{
    /// <summary>Orders that a batch is planned in.</summary>
    private const int BatchAttempts = 4;

    /// <summary>Tries to place every tenant; those that cannot be placed are Pending with the reason afterwards.</summary>
    /// <returns>How many were placed.</returns>
    public async Task<int> PlaceAsync(IReadOnlyCollection<Guid> pending, CancellationToken cancel)
    {
        if (pending.Count == 0) return 0;
        var round = new PlacingRound { Started = time.GetTimestamp() };
        List<Waiting> waiting = await ReadAsync(pending, cancel);
        for (int attempt = 0; waiting.Count > 0 && attempt <= options.Placing.Replans; attempt++)
        {
            FleetSnapshot fleet = await cache.RefreshAsync(cancel);
            var again = new List<Waiting>();
            // More important ones first, whatever their size; the order within one priority is the batch planner's.
            foreach (IGrouping<int, Waiting> equals in waiting.GroupBy(one => one.Tenant.Request.Priority).OrderByDescending(group => group.Key))
            {
                again.AddRange(await PlaceEqualsAsync(fleet, [.. equals], round, cancel));
            }
            waiting = again;
        }
        foreach (Waiting one in waiting)
        {
            foreach (Guid member in one.Members) round.Refuse(member, one.Tenant.JobId, $"planned {options.Placing.Replans + 1} times and each time the place was gone: {one.LastConflict}", "commit");
        }
        await PendingRows.PutBackAsync(source, round.Refused, options.Placing, cancel);
        await Explanations.WriteAsync(source, round.Explanations, cancel);
        return round.Placed;
    }

    private async Task<List<Waiting>> ReadAsync(IReadOnlyCollection<Guid> pending, CancellationToken cancel)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancel);
        Dictionary<Guid, TenantRequest> requests = await TenantRequest.ReadAsync(connection, pending, cancel);
        List<Waiting> waiting = [.. requests.Values.Where(request => !request.Gang).Select(request => new Waiting(request, [request.Id]))];
        // A gang is planned whole even when only some of its members were claimed.
        foreach (IGrouping<Guid, TenantRequest> gang in requests.Values.Where(request => request.Gang).GroupBy(request => request.JobId!.Value))
        {
            Guid[] members = await GangAsync(connection, gang.Key, cancel);
            if (members.Length == 0) continue;
            TenantRequest any = gang.First();
            waiting.Add(new Waiting(any with { Id = members[0], Request = any.Request with { Tenant = members[0].ToString() } }, members));
        }
        return waiting;
    }

    private static async Task<Guid[]> GangAsync(NpgsqlConnection connection, Guid job, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            "SELECT l.tenant_id FROM job_replicas r JOIN tenant_lifecycles l ON l.tenant_id = r.tenant_id JOIN tenant_desired d ON d.tenant_id = l.tenant_id WHERE r.job_id = $1 AND l.state = 'Pending' AND d.intent = 'Run' ORDER BY r.ordinal",
            connection) { Parameters = { new NpgsqlParameter<Guid> { TypedValue = job } } };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        var members = new List<Guid>();
        while (await row.ReadAsync(cancel)) members.Add(row.GetGuid(0));
        return [.. members];
    }

    /// <returns>Those whose candidates all met conflicts: to be planned anew.</returns>
    private async Task<List<Waiting>> PlaceEqualsAsync(FleetSnapshot fleet, List<Waiting> waiting, PlacingRound round, CancellationToken cancel)
    {
        var again = new List<Waiting>();
        var singles = new List<(Waiting Waiting, Plan Plan, int Candidate, PlacementPlan Place)>();
        foreach ((Waiting one, PlanResult result) in Plan(fleet, waiting))
        {
            switch (result)
            {
                case Refusal refusal:
                    metrics.Decided("refusal");
                    foreach (Guid member in one.Members) round.Refuse(member, one.Tenant.JobId, refusal);
                    break;
                case GangPlan gang:
                    metrics.Decided("plan");
                    if (!await CommitGangAsync(fleet, one, gang, round, cancel)) again.Add(one);
                    break;
                case Plan { Releases.IsEmpty: false } preemption:
                    metrics.Decided("preemption");
                    await PreemptAsync(fleet, one, preemption, round, cancel);
                    break;
                case Plan plan:
                    metrics.Decided("plan");
                    if (fleet.Take(one.Tenant.Id, plan, 0) is { } place) singles.Add((one, plan, 0, place));
                    else again.Add(one);
                    break;
            }
        }
        while (singles.Count > 0)
        {
            IReadOnlyList<CommitOutcome> outcomes = await commit.CommitAsync([.. singles.Select(single => single.Place)], cancel);
            var next = new List<(Waiting, Plan, int, PlacementPlan)>();
            for (int i = 0; i < outcomes.Count; i++)
            {
                (Waiting one, Plan plan, int candidate, _) = singles[i];
                if (outcomes[i] is Committed committed)
                {
                    Placed(fleet, one.Tenant, plan, candidate, committed.Fence, round);
                    continue;
                }
                var refused = (Refused)outcomes[i];
                string node = plan.Candidates[candidate].Node;
                metrics.Conflict(refused.Conflict.ToString());
                log.PlanRefused(one.Tenant.Id, node, refused.Conflict, refused.Detail);
                fleet.Drop(one.Tenant.Id);
                one.LastConflict = $"{node}: {refused.Detail}";
                if (Settle(one, refused, round)) continue;
                if (NextCandidate(fleet, one, plan, candidate) is { } walked) next.Add((one, plan, walked.Candidate, walked.Place));
                else again.Add(one);
            }
            singles = next;
        }
        return again;
    }

    /// <summary>Plans as a batch where all nodes have cores of one width and several wait, else one by one: a plan is taken by the caller before the next is made.</summary>
    private IEnumerable<(Waiting, PlanResult)> Plan(FleetSnapshot fleet, List<Waiting> waiting)
    {
        if (waiting.Count > 1 && fleet.ByWidth.Count == 1 && fleet.ByWidth.Keys.First() is int width && waiting.TrueForAll(one => one.Tenant.For(width) is not null))
        {
            Dictionary<string, Waiting> byName = waiting.ToDictionary(one => one.Tenant.Request.Tenant, StringComparer.Ordinal);
            long started = time.GetTimestamp();
            BatchResult batch = BatchPlanner.Plan(fleet.Planner, [.. waiting.Select(one => one.Tenant.For(width)! with { Replicas = one.Members.Length })], BatchAttempts);
            metrics.Planned(time.GetElapsedTime(started));
            foreach (PlanResult result in batch.Results) yield return (byName[result.Request.Tenant], result);
            yield break;
        }
        foreach (Waiting one in waiting.OrderByDescending(one => one.Tenant.CoreCount * one.Members.Length))
        {
            long started = time.GetTimestamp();
            PlanResult result = fleet.Plan(one.Tenant, one.Members.Length);
            metrics.Planned(time.GetElapsedTime(started));
            yield return (one, result);
        }
    }

    /// <summary>True: another candidate would not help, so the matter is settled.</summary>
    private bool Settle(Waiting one, Refused refused, PlacingRound round)
    {
        switch (refused.Conflict)
        {
            case CommitConflict.TenantNotPending:
                // Somebody else placed or stopped it.
                return true;
            case CommitConflict.QuotaExceeded:
                foreach (Guid member in one.Members) round.Refuse(member, one.Tenant.JobId, refused.Detail, "quota");
                return true;
            case CommitConflict.NotOffered or CommitConflict.CoreSplit:
                cache.Forget();
                return false;
            case CommitConflict.Malformed:
                throw new InvalidOperationException($"the plan for tenant {one.Tenant.Id} contradicts itself: {refused.Detail}");
            default:
                return false;
        }
    }

    private static (int Candidate, PlacementPlan Place)? NextCandidate(FleetSnapshot fleet, Waiting one, Plan plan, int candidate)
    {
        for (int i = candidate + 1; i < plan.Candidates.Length; i++)
        {
            if (fleet.Take(one.Tenant.Id, plan, i) is { } place) return (i, place);
        }
        return null;
    }

    private void Placed(FleetSnapshot fleet, TenantRequest tenant, Plan plan, int candidate, long fence, PlacingRound round)
    {
        Assignment place = plan.Candidates[candidate];
        metrics.Committed(1);
        SchedulerTraces.Placed(tenant.TraceParent, tenant.Id, place.Node, time.GetElapsedTime(round.Started));
        log.TenantPlaced(tenant.Id, place.Node, fence);
        string summary = string.Create(
            CultureInfo.InvariantCulture,
            $"placed on {place.Node}: {place.Threads.Length} threads in {Count(place.Cells.Length, "cell")} and {Count(place.CacheDomains, "cache domain")}; {Count(plan.Candidates.Length - 1, "other candidate")}");
        round.Place(new AttemptExplanation(tenant.Id, tenant.JobId, Placed: true, summary, Explanations.Detail(plan, fleet.Planner.Explain(plan.Request), candidate)));
    }

    private async Task<bool> CommitGangAsync(FleetSnapshot fleet, Waiting gang, GangPlan plan, PlacingRound round, CancellationToken cancel)
    {
        var places = new List<PlacementPlan>();
        for (int i = 0; i < gang.Members.Length; i++)
        {
            Plan replica = plan.Replicas[i] with { Request = plan.Replicas[i].Request with { Tenant = gang.Members[i].ToString() } };
            if (fleet.Take(gang.Members[i], replica, 0) is { } place) places.Add(place);
            else break;
        }
        IReadOnlyList<CommitOutcome> outcomes = places.Count == gang.Members.Length ? await commit.CommitTogetherAsync(places, cancel) : [];
        if (outcomes.Count > 0 && outcomes.All(outcome => outcome is Committed))
        {
            for (int i = 0; i < gang.Members.Length; i++) Placed(fleet, gang.Tenant with { Id = gang.Members[i] }, plan.Replicas[i], 0, ((Committed)outcomes[i]).Fence, round);
            return true;
        }
        foreach (Guid member in gang.Members) fleet.Drop(member);
        foreach (Refused refused in outcomes.OfType<Refused>().Where(refused => refused.Conflict != CommitConflict.GangBroken))
        {
            metrics.Conflict(refused.Conflict.ToString());
            gang.LastConflict = refused.Detail;
            // One member less: the gang is read anew in the next round.
            if (refused.Conflict == CommitConflict.TenantNotPending || Settle(gang, refused, round)) return true;
        }
        return false;
    }

    /// <summary>Has the victims stopped; the tenant takes their place when they have.</summary>
    private async Task PreemptAsync(FleetSnapshot fleet, Waiting one, Plan plan, PlacingRound round, CancellationToken cancel)
    {
        Guid[] victims = [.. plan.Releases.Select(Guid.Parse)];
        string names = string.Join(", ", victims.Select(victim => fleet.Placed[victim].Name));
        await Displacement.StopAsync(source, victims, $"makes room for tenant {one.Tenant.Name} of priority {one.Tenant.Request.Priority}", options.Tenants.StoppingWithin, cancel);
        string summary = $"waits for {Count(victims.Length, "tenant")} of lower priority on {plan.Best.Node} to stop: {names}";
        round.Wait(one.Tenant.Id, one.Tenant.JobId, summary, Explanations.Detail(plan, fleet.Planner.Explain(plan.Request), 0));
    }

    private static string Count(int number, string what) => string.Create(CultureInfo.InvariantCulture, $"{number} {what}{(number == 1 ? "" : "s")}");
}
