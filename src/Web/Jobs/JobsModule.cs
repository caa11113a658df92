using Microsoft.AspNetCore.Mvc;
using Osv.Data.Jobs;
using Osv.Data.Projects;
using Osv.Web.Access;
using Osv.Web.Hosting;

namespace Osv.Web.Jobs;

/// <summary>Requests for a number of equal tenants.</summary>
internal sealed class JobsModule : IModule
{
    public void AddServices(WebApplicationBuilder builder) => builder.Services.AddSingleton<JobDesk>();

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api)
    {
        RouteGroupBuilder jobs = api.MapGroup("/jobs").WithTags("Jobs");
        jobs.MapGet("", (Caller caller, string? project, JobState? state, [AsParameters] PageRequest page, JobDesk desk, CancellationToken cancel) => desk.ListAsync(caller, project, state, page, cancel))
            .Allow(Scopes.JobsRead).WithName("ListJobs").WithSummary("Placement jobs that the caller may see, by name");
        jobs.MapPost("", async (Caller caller, SubmitJob request, JobDesk desk, CancellationToken cancel) =>
            {
                JobDetail job = await desk.SubmitAsync(caller, request, cancel);
                return TypedResults.Created($"/api/v1/jobs/{job.Id}", job);
            })
            .Allow(Scopes.JobsWrite, ProjectRole.Member).Idempotent().WithName("SubmitJob").WithSummary("Ask for a number of equal tenants");
        jobs.MapGet("/{job}", async (Caller caller, string job, string? project, HttpContext http, JobDesk desk, CancellationToken cancel) =>
            {
                (JobDetail detail, string tag) = await desk.ShowAsync(caller, job, project, cancel);
                return ETags.Answer(http, detail, tag);
            })
            .Allow(Scopes.JobsRead, ProjectRole.Viewer).Produces<JobDetail>().WithName("ShowJob").WithSummary("One job with its replicas");
        jobs.MapGet("/{job}/explain", (Caller caller, string job, string? project, JobDesk desk, CancellationToken cancel) => desk.ExplainAsync(caller, job, project, cancel))
            .Allow(Scopes.JobsRead, ProjectRole.Viewer).WithName("ExplainJob").WithSummary("Why its tenants are where they are, or nowhere: filter, dimension and counts");
        jobs.MapPut("/{job}/schedule", (Caller caller, string job, string? project, SetSchedule request, [FromHeader(Name = "If-Match")] string? ifMatch, JobDesk desk, CancellationToken cancel) =>
                desk.SetScheduleAsync(caller, job, project, request, ifMatch, cancel))
            .Allow(Scopes.JobsWrite, ProjectRole.Member).WithName("SetJobSchedule").WithSummary("Change when a job starts anew, or pause it");
        jobs.MapPost("/{job}/cancel", (Caller caller, string job, string? project, [FromHeader(Name = "If-Match")] string? ifMatch, JobDesk desk, CancellationToken cancel) =>
                desk.CancelAsync(caller, job, project, ifMatch, cancel))
            .Allow(Scopes.JobsWrite, ProjectRole.Member).Idempotent().WithName("CancelJob").WithSummary("End a job and delete its tenants");
    }
}
