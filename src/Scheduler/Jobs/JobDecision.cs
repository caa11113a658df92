using System.Globalization;
using Osv.Data.Jobs;

namespace Osv.Scheduler.Jobs;

/// <summary>Everything that decides what becomes of a job, read in one moment. Counts are of replicas.</summary>
public sealed record JobSituation
{
    public required Guid Id { get; init; }

    public required JobState State { get; init; }

    public string Reason { get; init; } = "";

    public required int Replicas { get; init; }

    /// <summary>Without a tenant.</summary>
    public int Empty { get; init; }

    public int Placed { get; init; }

    public int Running { get; init; }

    /// <summary>Ended for good: stopped or failed, and not to run again.</summary>
    public int Ended { get; init; }

    /// <summary>Of those that ended, the ones that were given up.</summary>
    public int Failed { get; init; }

    /// <summary>Whose tenant nobody has asked to delete.</summary>
    public int Kept { get; init; }

    /// <summary>Why one of the waiting ones waits.</summary>
    public string? Waits { get; init; }

    /// <summary>The time by which it had to be placed is over.</summary>
    public bool Overdue { get; init; }

    /// <summary>Its tenants have lived as long as they were to.</summary>
    public bool Expired { get; init; }

    /// <summary>Null: it runs at once and only once.</summary>
    public ScheduleFacts? Schedule { get; init; }
}

/// <param name="HasRun">It was started at least once.</param>
/// <param name="Due">It is to be started now.</param>
public sealed record ScheduleFacts(string Cron, string TimeZone, bool HasRun, bool Due, DateTimeOffset NextRunAt);

/// <summary>What is to be done about a job.</summary>
/// <param name="State">Its state from now on.</param>
/// <param name="Reason">For people.</param>
/// <param name="Fill">Make tenants for empty replicas.</param>
/// <param name="DeleteTenants">Its tenants are not wanted any more.</param>
/// <param name="Anew">The run before is over: empty all replicas first.</param>
/// <param name="Advance">The schedule moves on to its next run.</param>
public sealed record JobStep(JobState State, string Reason, bool Fill = false, bool DeleteTenants = false, bool Anew = false, bool Advance = false);

/// <summary>Decides the next step of a placement job. Pure.</summary>
public static class JobDecision
{
    public static JobStep Decide(JobSituation job)
    {
        if (job.State == JobState.Cancelled) return new JobStep(JobState.Cancelled, job.Reason, DeleteTenants: job.Kept > 0);
        if (job.Schedule is { Due: true } schedule) return Start(job, schedule);
        if (job.State != JobState.Active) return new JobStep(job.State, job.Reason);
        if (job.Schedule is { HasRun: false } waiting) return new JobStep(JobState.Active, $"waits for its first run at {Text(waiting.NextRunAt)}");
        if (job.Expired) return new JobStep(JobState.Completed, "its time to live is over", DeleteTenants: true);
        if (job.Overdue && job.Placed + job.Ended < job.Replicas)
        {
            return new JobStep(JobState.Failed, $"{job.Placed + job.Ended} of {job.Replicas} replicas were placed by its deadline{Waits(job)}", DeleteTenants: true);
        }
        if (job.Empty > 0) return new JobStep(JobState.Active, $"{job.Empty} of {job.Replicas} replicas get a tenant", Fill: true);
        if (job.Ended == job.Replicas)
        {
            return job.Failed > 0
                ? new JobStep(JobState.Failed, $"{job.Failed} of {job.Replicas} replicas failed")
                : new JobStep(JobState.Completed, $"all {job.Replicas} replicas ended");
        }
        return new JobStep(JobState.Active, $"{job.Placed} of {job.Replicas} replicas placed, {job.Running} running{Waits(job)}");
    }

    /// <summary>A run that goes on is not disturbed: the new one is left out.</summary>
    private static JobStep Start(JobSituation job, ScheduleFacts schedule)
    {
        bool goesOn = schedule.HasRun && job.State == JobState.Active && job.Empty < job.Replicas && job.Ended < job.Replicas;
        return goesOn
            ? new JobStep(JobState.Active, $"the run of {Text(schedule.NextRunAt)} is left out: the one before still goes on", Advance: true)
            : new JobStep(JobState.Active, $"started by its schedule for {Text(schedule.NextRunAt)}", Fill: true, DeleteTenants: true, Anew: true, Advance: true);
    }

    private static string Waits(JobSituation job) => job.Waits is { } reason ? $"; one waits because {reason}" : "";

    private static string Text(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
