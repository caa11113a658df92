using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Npgsql;
using Osv.Data;
using Osv.Data.Jobs;
using Osv.Data.Leases;
using Osv.Scheduler.Hosting;

namespace Osv.Scheduler.Jobs;

/// <summary>Takes the next step of every open placement job. One replica at a time does it, whichever holds the lease.</summary>
public sealed class JobRound(NpgsqlDataSource source, IDbContextFactory<OsvDbContext> contexts, ReplicaMaker maker, SchedulerOptions options, WakeSignals wake, ILogger<JobRound> log) : IRound
{
    private const string LeaseName = "scheduler-jobs";

    public async Task<bool> RunAsync(CancellationToken cancel)
    {
        if (await LeaseStore.AcquireAsync(source, LeaseName, options.Replica, options.Poll * 5, cancel) is null) return false;
        IReadOnlyList<JobSituation> open;
        await using (NpgsqlConnection connection = await source.OpenConnectionAsync(cancel)) open = await JobReader.OpenAsync(connection, cancel);
        bool changed = false;
        foreach (JobSituation job in open.Where(job => Matters(job, JobDecision.Decide(job))))
        {
            try
            {
                changed |= await StepAsync(job.Id, cancel);
            }
            catch (Exception error) when (error is DbUpdateException or PostgresException)
            {
                log.ReconcileFailed("job", job.Id, error);
            }
        }
        if (changed) wake.Tenants.Set();
        return false;
    }

    private static bool Matters(JobSituation job, JobStep step) => step.Fill || step.DeleteTenants || step.Advance || step.State != job.State || step.Reason != job.Reason;

    /// <summary>Decides once more with the job locked, and acts.</summary>
    private async Task<bool> StepAsync(Guid id, CancellationToken cancel)
    {
        await using OsvDbContext context = await contexts.CreateDbContextAsync(cancel);
        await using var transaction = await context.Database.BeginTransactionAsync(cancel);
        PlacementJob? job = await context.PlacementJobs.FromSql($"SELECT *, xmin FROM placement_jobs WHERE id = {id} FOR NO KEY UPDATE SKIP LOCKED").SingleOrDefaultAsync(cancel);
        if (job is null || await JobReader.OneAsync((NpgsqlConnection)context.Database.GetDbConnection(), id, cancel) is not { } situation) return false;
        JobStep step = JobDecision.Decide(situation);
        DateTimeOffset? run = situation.Schedule is null ? null : await RunAsync(context, situation, step, cancel);
        if (step.DeleteTenants) await DeleteTenantsAsync(context, id, cancel);
        if (step.Anew) await context.Database.ExecuteSqlAsync($"UPDATE job_replicas SET tenant_id = NULL WHERE job_id = {id}", cancel);
        (job.State, job.Reason) = (step.State, step.Reason);
        if (step.Fill && await maker.FillAsync(context, job, run, cancel) is { } problem) (job.State, job.Reason) = (JobState.Failed, problem);
        await context.SaveChangesAsync(cancel);
        await transaction.CommitAsync(cancel);
        if (job.State != situation.State) log.JobMoved(job.Name, job.State, job.Reason);
        return step.Fill || step.DeleteTenants;
    }

    /// <summary>Moves the schedule on, where the step says so.</summary>
    /// <returns>The run that the job's tenants belong to.</returns>
    private static async Task<DateTimeOffset?> RunAsync(OsvDbContext context, JobSituation situation, JobStep step, CancellationToken cancel)
    {
        JobSchedule schedule = await context.JobSchedules.SingleAsync(row => row.JobId == situation.Id, cancel);
        if (!step.Advance) return schedule.LastRunAt;
        DateTimeOffset now = await context.Database.SqlQuery<DateTimeOffset>($"SELECT clock_timestamp() AS \"Value\"").SingleAsync(cancel);
        if (step.Anew) schedule.LastRunAt = schedule.NextRunAt;
        try
        {
            // Runs that were missed while no scheduler was there are made up for once, not each.
            DateTimeOffset? next = CronSchedule.Next(schedule.Cron, schedule.TimeZone, now);
            (schedule.NextRunAt, schedule.Paused) = (next ?? schedule.NextRunAt, next is null);
        }
        catch (FormatException)
        {
            // This run is the last: the expression names no other.
            schedule.Paused = true;
        }
        await context.SaveChangesAsync(cancel);
        return schedule.LastRunAt;
    }

    private static Task<int> DeleteTenantsAsync(OsvDbContext context, Guid job, CancellationToken cancel) => context.Database.ExecuteSqlAsync(
        $"""
        UPDATE tenant_desired d SET intent = 'Delete', changed_by = 'job ' || j.name, changed_at = clock_timestamp() FROM job_replicas r JOIN placement_jobs j ON j.id = r.job_id
        WHERE r.job_id = {job} AND d.tenant_id = r.tenant_id AND d.intent <> 'Delete'
        """,
        cancel);
}
