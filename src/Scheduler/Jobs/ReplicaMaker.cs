using System.Globalization;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Jobs;
using Osv.Data.Lifecycles;
using Osv.Data.Tenants;

namespace Osv.Scheduler.Jobs;

/// <summary>Makes the tenants that fill a job's replicas.</summary>
public sealed class ReplicaMaker(SchedulerOptions options, TimeProvider time)
{
    /// <summary>Adds a tenant for every replica without one; all appear at once with the caller's commit.</summary>
    /// <param name="context">In the caller's transaction.</param>
    /// <param name="job">The job.</param>
    /// <param name="run">Of a scheduled job the run, part of the tenants' names; null otherwise.</param>
    /// <param name="cancel">Ends the work.</param>
    /// <returns>Null, or why the job can never be filled.</returns>
    public async Task<string?> FillAsync(OsvDbContext context, PlacementJob job, DateTimeOffset? run, CancellationToken cancel)
    {
        JobSpecification specification;
        try
        {
            specification = JobSpecification.Parse(job.Specification);
        }
        catch (JsonException error)
        {
            return $"its specification cannot be read: {error.Message}";
        }
        TenantTemplate template = specification.Template;
        if (!Guid.TryParse(template.Image, out Guid image) || !await context.Images.AnyAsync(row => row.Id == image && (row.ProjectId == null || row.ProjectId == job.ProjectId), cancel))
        {
            return $"there is no image '{template.Image}' for its project: add the image and submit the job again";
        }
        (List<PlacementGroup> groups, string? problem) = await GroupsAsync(context, job, specification.Constraints, cancel);
        if (problem is not null) return problem;
        List<JobReplica> empty = await context.JobReplicas.Where(replica => replica.JobId == job.Id && replica.TenantId == null).OrderBy(replica => replica.Ordinal).ToListAsync(cancel);
        string prefix = run is { } at ? $"{job.Name}-{at.UtcDateTime.ToString("yyyyMMddHHmm", CultureInfo.InvariantCulture)}" : job.Name;
        string[] names = [.. empty.Select(replica => string.Create(CultureInfo.InvariantCulture, $"{prefix}-{replica.Ordinal}"))];
        if (await context.Tenants.Where(tenant => tenant.ProjectId == job.ProjectId && names.Contains(tenant.Name)).Select(tenant => tenant.Name).FirstOrDefaultAsync(cancel) is { } taken)
        {
            return $"its project has a tenant '{taken}' already: delete it, or submit the job under another name";
        }
        DateTimeOffset now = time.GetUtcNow();
        for (int i = 0; i < empty.Count; i++)
        {
            Guid id = Guid.CreateVersion7(now);
            context.Tenants.Add(new Tenant
            {
                Id = id, ProjectId = job.ProjectId, Name = names[i], ImageId = image, CoreCount = template.Cores, MemoryBytes = template.MemoryBytes, NicCount = template.Nics, DiskCount = template.Disks,
                RestartPolicy = template.Restart, Priority = job.Priority, SshKey = template.SshKey, Labels = template.Labels ?? [], CreatedAt = now,
            });
            if (!string.IsNullOrEmpty(template.UserData)) context.TenantUserData.Add(new TenantUserData { TenantId = id, Content = template.UserData });
            context.TenantDesired.Add(new TenantDesired { TenantId = id, Intent = TenantIntent.Run, ChangedBy = $"job {job.Name}", ChangedAt = now, TraceParent = job.TraceParent });
            context.TenantLifecycles.Add(new TenantLifecycle
            {
                TenantId = id, State = TenantState.Pending, Reason = $"replica {empty[i].Ordinal} of job {job.Name} waits for its first placement", Owner = "scheduler", DeadlineAt = now + options.Placing.PlaceWithin, DueAt = now,
            });
            context.PlacementGroupMembers.AddRange(groups.Select(group => new PlacementGroupMember { GroupId = group.Id, TenantId = id }));
            empty[i].TenantId = id;
        }
        await context.SaveChangesAsync(cancel);
        return null;
    }

    /// <summary>The groups whose rule the commit holds: those the tenants belong to, with the required rules about them made rows of the database.</summary>
    private static async Task<(List<PlacementGroup> Groups, string? Problem)> GroupsAsync(OsvDbContext context, PlacementJob job, JobConstraints constraints, CancellationToken cancel)
    {
        List<PlacementGroup> groups = await context.PlacementGroups.Where(group => group.ProjectId == job.ProjectId && constraints.Groups.Contains(group.Name)).ToListAsync(cancel);
        foreach (GroupConstraint rule in constraints.Affinity.Where(rule => rule.Required && constraints.Groups.Contains(rule.Group)))
        {
            PlacementGroup? known = groups.Find(group => group.Name == rule.Group);
            if (known is null)
            {
                known = new PlacementGroup { Id = Guid.CreateVersion7(), ProjectId = job.ProjectId, Name = rule.Group, Rule = rule.Rule, Scope = rule.Scope };
                context.PlacementGroups.Add(known);
                groups.Add(known);
            }
            else if (known.Rule != rule.Rule || known.Scope != rule.Scope)
            {
                return (groups, $"group '{rule.Group}' has the rule {known.Rule} by {known.Scope} and the job asks for {rule.Rule} by {rule.Scope}: name another group");
            }
        }
        return (groups, null);
    }
}
