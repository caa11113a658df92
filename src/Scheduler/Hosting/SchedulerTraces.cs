using System.Diagnostics;

namespace Osv.Scheduler.Hosting;

/// <summary>What the scheduler does for a request, as spans of that request's trace: from the click to the start of the partition it is one picture.</summary>
public static class SchedulerTraces
{
    public const string SourceName = "Osv.Scheduler";

    private static readonly ActivitySource s_source = new(SourceName);

    /// <summary>A place was found and committed.</summary>
    /// <param name="parent">W3C traceparent; null: nobody asked for a trace.</param>
    /// <param name="tenant">Who got it.</param>
    /// <param name="node">Where.</param>
    /// <param name="took">Planning and committing, with the others of the round.</param>
    public static void Placed(string? parent, Guid tenant, string node, TimeSpan took)
    {
        using Activity? span = Start(parent, "tenant place", tenant, took);
        span?.SetTag("osv.node", node);
    }

    /// <summary>A tenant left a state: the span is its time in it.</summary>
    public static void Moved(string? parent, Guid tenant, string from, string to, TimeSpan stayed, string reason)
    {
        using Activity? span = Start(parent, $"tenant {from}", tenant, stayed);
        span?.SetTag("osv.state.next", to);
        span?.SetTag("osv.reason", reason);
    }

    private static Activity? Start(string? parent, string name, Guid tenant, TimeSpan ago)
    {
        if (parent is null || !ActivityContext.TryParse(parent, null, isRemote: true, out ActivityContext context)) return null;
        Activity? span = s_source.StartActivity(ActivityKind.Internal, context, startTime: DateTimeOffset.UtcNow - ago, name: name);
        span?.SetTag("osv.tenant.id", tenant);
        return span;
    }
}
