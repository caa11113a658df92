using System.Text.Json;
using System.Text.Json.Serialization;
using Npgsql;
using Osv.Placement;
using Osv.Placement.Explaining;
using Osv.Placement.Plans;

namespace Osv.Scheduler.Placing;

/// <summary>Why a planning attempt ended as it did, ready to be stored.</summary>
/// <param name="Summary">One sentence.</param>
/// <param name="Detail">JSON: nodes, funnel, rejections, largest shapes that fit, candidates best first, victims.</param>
public sealed record AttemptExplanation(Guid TenantId, Guid? JobId, bool Placed, string Summary, string Detail);

/// <summary>Writes explanations. A refusal that repeats the last one of its tenant is not written again.</summary>
public static class Explanations
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public static string Detail(Refusal refusal) => JsonSerializer.Serialize(
        new
        {
            refusal.Nodes,
            Funnel = refusal.Funnel.Select(step => new { step.Filter, step.Nodes }),
            Rejections = refusal.Rejections.Select(rejection => new { rejection.Filter, rejection.Dimension, rejection.Nodes, rejection.Text }),
            Largest = refusal.Largest.Select(shape => new { shape.Cores, MemoryBytes = Bytes(shape.MemoryUnits), Devices = shape.Devices.Select(device => new { device.Class, device.Count }), Text = shape.ToString() }),
        },
        s_options);

    /// <param name="plan">The plan.</param>
    /// <param name="explanation">What the filters did.</param>
    /// <param name="taken">Index of the candidate that was committed.</param>
    public static string Detail(Plan plan, Explanation explanation, int taken) => JsonSerializer.Serialize(
        new
        {
            explanation.Nodes,
            Funnel = explanation.Funnel.Select(step => new { step.Filter, step.Nodes }),
            Rejections = explanation.Rejections.Select(rejection => new { rejection.Filter, rejection.Dimension, rejection.Nodes, rejection.Text }),
            Candidates = plan.Candidates.Select((candidate, rank) => new { Rank = rank, candidate.Node, candidate.Cells, candidate.CacheDomains, Taken = rank == taken }),
            Victims = plan.Releases.IsEmpty ? (IEnumerable<string>?)null : plan.Releases,
        },
        s_options);

    /// <summary>A refusal that is not the planner's.</summary>
    public static string Detail(string filter, string text) => JsonSerializer.Serialize(new { Rejections = new[] { new { Filter = filter, Dimension = filter, Text = text } } }, s_options);

    public static async Task WriteAsync(NpgsqlDataSource source, IReadOnlyCollection<AttemptExplanation> attempts, CancellationToken cancel)
    {
        if (attempts.Count == 0) return;
        await using NpgsqlCommand command = source.CreateCommand(
            """
            INSERT INTO placement_explanations (tenant_id, job_id, placed, summary, detail, at)
            SELECT w.tenant_id, nullif(w.job_id, '00000000-0000-0000-0000-000000000000'), w.placed, w.summary, w.detail::jsonb, clock_timestamp()
            FROM unnest($1, $2, $3, $4, $5) AS w(tenant_id, job_id, placed, summary, detail) JOIN tenants t ON t.id = w.tenant_id
            WHERE w.placed OR w.summary IS DISTINCT FROM (SELECT e.summary FROM placement_explanations e WHERE e.tenant_id = w.tenant_id ORDER BY e.id DESC LIMIT 1)
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. attempts.Select(attempt => attempt.TenantId)] });
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. attempts.Select(attempt => attempt.JobId ?? Guid.Empty)] });
        command.Parameters.Add(new NpgsqlParameter<bool[]> { TypedValue = [.. attempts.Select(attempt => attempt.Placed)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. attempts.Select(attempt => attempt.Summary)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. attempts.Select(attempt => attempt.Detail)] });
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static long Bytes(int units) => units * ((1L << 30) / PartitionLimits.UnitsPerGibibyte);
}
