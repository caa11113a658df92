using System.Diagnostics;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Images;
using Osv.Data.Jobs;
using Osv.Data.Lifecycles;
using Osv.Data.Projects;
using Osv.Web.Access;
using Osv.Web.Audit;
using Osv.Web.Hosting;
using Osv.Web.Images;
using Osv.Web.Projects;

namespace Osv.Web.Jobs;

/// <summary>Takes placement jobs and tells how they fare; the scheduler fills their replicas with tenants.</summary>
public sealed class JobDesk(IDbContextFactory<OsvDbContext> contexts, ProjectLookup projects, ImageCatalog images, ImageFit fit, AuditTrail audit, TimeProvider time)
{
    /// <summary>How many of the next runs are told.</summary>
    private const int RunsShown = 5;

    public async Task<Page<JobView>> ListAsync(Caller caller, string? project, JobState? state, PageRequest page, CancellationToken cancel)
    {
        Guid[]? scope = await projects.ScopeAsync(caller, project, cancel);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Key after = page.After<Key>() ?? new Key("", Guid.Empty);
        List<Row> rows = await Rows(data, data.PlacementJobs.AsNoTracking().Where(job => (scope == null || scope.Contains(job.ProjectId)) && (state == null || job.State == state)))
            .Where(row => EF.Functions.GreaterThan(ValueTuple.Create(row.Job.Name, row.Job.Id), ValueTuple.Create(after.Name, after.Id)))
            .OrderBy(row => row.Job.Name).ThenBy(row => row.Job.Id).Take(page.Take).ToListAsync(cancel);
        return page.Of(rows.ConvertAll(row => row.View()), view => new Key(view.Name, view.Id));
    }

    public async Task<(JobDetail Detail, string Tag)> ShowAsync(Caller caller, string job, string? project, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Row row = await FindAsync(data, caller, job, project, ProjectRole.Viewer, cancel);
        List<ReplicaView> replicas = await (
            from replica in data.JobReplicas
            where replica.JobId == row.Job.Id
            join tenant in data.Tenants on replica.TenantId equals (Guid?)tenant.Id into tenants
            from tenant in tenants.DefaultIfEmpty()
            join lifecycle in data.TenantLifecycles on tenant.Id equals lifecycle.TenantId into lifecycles
            from lifecycle in lifecycles.DefaultIfEmpty()
            orderby replica.Ordinal
            select new ReplicaView(
                replica.Ordinal, tenant == null ? null : tenant.Name, lifecycle == null ? null : lifecycle.State,
                data.Placements.Where(place => place.TenantId == replica.TenantId).Join(data.Nodes, place => place.NodeId, node => node.Id, (_, node) => node.Name).FirstOrDefault()))
            .ToListAsync(cancel);
        JobView view = row.View();
        IReadOnlyList<DateTimeOffset> runs = view is { Schedule: { Paused: false } schedule, State: not JobState.Cancelled }
            ? Schedules.Next(new SetSchedule(schedule.Cron, schedule.TimeZone), schedule.NextRunAt.AddTicks(-1), RunsShown)
            : [];
        JobSpecification specification = JobSpecification.Parse(row.Job.Specification);
        // It may hold secrets: whoever submitted it has it.
        specification = specification with { Template = specification.Template with { UserData = null } };
        return (new JobDetail(view, specification, replicas, runs), row.Tag);
    }

    public async Task<JobDetail> SubmitAsync(Caller caller, SubmitJob request, CancellationToken cancel)
    {
        using Activity? span = WebTraces.Source.StartActivity("job.submit");
        new SubmitJobValidator().Check(request);
        Project project = await projects.FindAsync(caller, request.Project, ProjectRole.Member, cancel);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Image image = await images.FindAsync(data, caller, request.Template.Image, project.Name, cancel);
        await fit.CheckAsync(image, request.Template.MemoryBytes, cancel);
        DateTimeOffset now = time.GetUtcNow();
        var job = new PlacementJob
        {
            Id = Guid.CreateVersion7(), ProjectId = project.Id, Name = request.Name, Replicas = request.Replicas, Priority = request.Priority, Gang = request.Gang,
            // The id is kept: a later image of the same name is another one.
            Specification = new JobSpecification(request.Template with { Image = image.Id.ToString() }, request.Constraints ?? new JobConstraints()).Write(),
            TimeToLiveSeconds = request.TimeToLiveSeconds, DeadlineAt = request.PlaceWithinSeconds is { } seconds ? now.AddSeconds(seconds) : null,
            State = JobState.Active, Reason = request.Schedule is null ? "waits for its first placement" : "waits for its first run", CreatedAt = now,
            TraceParent = request.Schedule is null ? Activity.Current?.Id : null,
        };
        data.PlacementJobs.Add(job);
        if (request.Schedule is { } schedule)
        {
            data.JobSchedules.Add(new JobSchedule { JobId = job.Id, Cron = schedule.Cron, TimeZone = schedule.TimeZone, Paused = schedule.Paused, NextRunAt = Schedules.Next(schedule, now, 1)[0] });
        }
        data.JobReplicas.AddRange(Enumerable.Range(0, request.Replicas).Select(ordinal => new JobReplica { JobId = job.Id, Ordinal = ordinal }));
        await audit.SaveAsync(data, caller.Actor, "job.submit", job.Name, project.Id, new { job.Id, job.Replicas, job.Priority, job.Gang, request.Schedule?.Cron, request.Schedule?.TimeZone }, cancel);
        return (await ShowAsync(caller, job.Id.ToString(), null, cancel)).Detail;
    }

    /// <summary>Ends a job; its tenants are stopped and deleted by the scheduler.</summary>
    public Task<JobDetail> CancelAsync(Caller caller, string name, string? project, string? ifMatch, CancellationToken cancel) =>
        ETags.ChangeAsync(ifMatch, () => CancelOnceAsync(caller, name, project, ifMatch, cancel));

    private async Task<JobDetail> CancelOnceAsync(Caller caller, string name, string? project, string? ifMatch, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Row row = await FindAsync(data, caller, name, project, ProjectRole.Member, cancel);
        PlacementJob job = row.Job;
        ETags.Check(ifMatch, row.Tag);
        // Between two runs a scheduled job is Completed or Failed, and goes on.
        if (job.State is JobState.Completed or JobState.Failed && row.Schedule is null) throw RefusalException.Conflict($"job '{job.Name}' is {job.State} already");
        (job.State, job.Reason) = (JobState.Cancelled, $"cancelled by {caller.Actor}");
        await audit.SaveAsync(data, caller.Actor, "job.cancel", job.Name, job.ProjectId, new { job.Id }, cancel);
        return (await ShowAsync(caller, job.Id.ToString(), null, cancel)).Detail;
    }

    /// <summary>Changes when a job starts anew, or pauses it.</summary>
    public Task<JobDetail> SetScheduleAsync(Caller caller, string name, string? project, SetSchedule request, string? ifMatch, CancellationToken cancel) =>
        ETags.ChangeAsync(ifMatch, () => SetScheduleOnceAsync(caller, name, project, request, ifMatch, cancel));

    private async Task<JobDetail> SetScheduleOnceAsync(Caller caller, string name, string? project, SetSchedule request, string? ifMatch, CancellationToken cancel)
    {
        new SetScheduleValidator().Check(request);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Row row = await FindAsync(data, caller, name, project, ProjectRole.Member, cancel);
        ETags.Check(ifMatch, row.Tag);
        if (row.Schedule is not { } schedule) throw RefusalException.Conflict($"job '{row.Job.Name}' was submitted without a schedule and runs once: submit another one with it");
        if (row.Job.State == JobState.Cancelled) throw RefusalException.Conflict($"job '{row.Job.Name}' is cancelled: submit another one");
        (schedule.Cron, schedule.TimeZone, schedule.Paused) = (request.Cron, request.TimeZone, request.Paused);
        schedule.NextRunAt = Schedules.Next(request, time.GetUtcNow(), 1)[0];
        await audit.SaveAsync(data, caller.Actor, "job.schedule", row.Job.Name, row.Job.ProjectId, new { row.Job.Id, request.Cron, request.TimeZone, request.Paused }, cancel);
        return (await ShowAsync(caller, row.Job.Id.ToString(), null, cancel)).Detail;
    }

    /// <summary>The last planning attempt of each of the job's tenants, refusals first.</summary>
    public async Task<IReadOnlyList<ExplanationView>> ExplainAsync(Caller caller, string job, string? project, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Guid id = (await FindAsync(data, caller, job, project, ProjectRole.Viewer, cancel)).Job.Id;
        var rows = await (
            from explanation in data.PlacementExplanations.AsNoTracking()
            join tenant in data.Tenants on explanation.TenantId equals tenant.Id
            where explanation.JobId == id && explanation.Id == data.PlacementExplanations.Where(other => other.TenantId == tenant.Id).Max(other => other.Id)
            orderby explanation.Placed, tenant.Name
            select new { tenant.Name, explanation.Placed, explanation.Summary, explanation.Detail, explanation.At }).Take(PageRequest.Largest).ToListAsync(cancel);
        return rows.ConvertAll(row => new ExplanationView(row.Name, row.Placed, row.Summary, JsonElement.Parse(row.Detail), row.At));
    }

    private async Task<Row> FindAsync(OsvDbContext data, Caller caller, string job, string? project, ProjectRole least, CancellationToken cancel)
    {
        Guid[]? scope = await projects.ScopeAsync(caller, project, cancel);
        bool isId = Guid.TryParse(job, out Guid id);
        List<Row> found = await Rows(data, data.PlacementJobs.Where(row => (isId ? row.Id == id : row.Name == job) && (scope == null || scope.Contains(row.ProjectId)))).Take(2).ToListAsync(cancel);
        Row row = found switch
        {
            [] => throw RefusalException.NotFound("job", job),
            [var only] => only,
            _ => throw RefusalException.Conflict($"several projects have a job '{job}': name the project too"),
        };
        caller.Require(row.Job.ProjectId, least, "job", job);
        return row;
    }

    private static IQueryable<Row> Rows(OsvDbContext data, IQueryable<PlacementJob> jobs) =>
        from job in jobs
        join project in data.Projects on job.ProjectId equals project.Id
        select new Row
        {
            Job = job,
            Project = project.Name,
            Schedule = data.JobSchedules.FirstOrDefault(schedule => schedule.JobId == job.Id),
            Placed = data.JobReplicas.Count(replica => replica.JobId == job.Id && data.Placements.Any(place => place.TenantId == replica.TenantId)),
            Running = data.JobReplicas.Count(replica => replica.JobId == job.Id && data.TenantLifecycles.Any(lifecycle => lifecycle.TenantId == replica.TenantId && lifecycle.State == TenantState.Running)),
        };

    private sealed record Key(string Name, Guid Id);

    private sealed class Row
    {
        public required PlacementJob Job { get; init; }

        public required string Project { get; init; }

        public JobSchedule? Schedule { get; init; }

        public int Placed { get; init; }

        public int Running { get; init; }

        public string Tag => Schedule is null ? ETags.Of(Job.RowVersion) : ETags.Of(Job.RowVersion, Schedule.RowVersion);

        public JobView View() => new(
            Job.Id, Job.Name, Project, Job.ProjectId, Job.State, Job.Reason, Job.Replicas, Placed, Running, Job.Priority, Job.Gang, Job.TimeToLiveSeconds, Job.DeadlineAt,
            Schedule is null ? null : new ScheduleView(Schedule.Cron, Schedule.TimeZone, Schedule.Paused, Schedule.LastRunAt, Schedule.NextRunAt), Job.CreatedAt);
    }
}
