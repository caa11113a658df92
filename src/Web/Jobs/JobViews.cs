using System.Text.Json;
using FluentValidation;
using Osv.Data.Jobs;
using Osv.Data.Lifecycles;
using Osv.Data.Tenants;
using Osv.Web.Hosting;
using Osv.Web.Tenants;

namespace Osv.Web.Jobs;

/// <summary>Makes a job start anew by the calendar; each run has tenants of its own, and a run that still goes on is not disturbed.</summary>
/// <param name="Cron">Five fields: minute, hour, day of month, month, day of week.</param>
/// <param name="TimeZone">IANA name.</param>
/// <param name="Paused">No run begins until it is resumed.</param>
public sealed record SetSchedule(string Cron, string TimeZone = "UTC", bool Paused = false) : IRequestBody;

/// <param name="Replicas">How many equal tenants.</param>
/// <param name="Gang">All are placed at once or none is.</param>
/// <param name="TimeToLiveSeconds">How long the tenants live; null: until stopped.</param>
/// <param name="PlaceWithinSeconds">The job fails if it is not placed by then; null: it waits.</param>
/// <param name="Schedule">Null: it starts at once, and once.</param>
public sealed record SubmitJob(
    string Name, TenantTemplate Template, int Replicas = 1, int Priority = 0, bool Gang = false, long? TimeToLiveSeconds = null, long? PlaceWithinSeconds = null,
    JobConstraints? Constraints = null, SetSchedule? Schedule = null, string? Project = null) : IRequestBody;

/// <param name="LastRunAt">The run that its tenants belong to; null: none yet.</param>
/// <param name="NextRunAt">Meaningless while paused.</param>
public sealed record ScheduleView(string Cron, string TimeZone, bool Paused, DateTimeOffset? LastRunAt, DateTimeOffset NextRunAt);

/// <param name="Placed">Replicas that own a place.</param>
/// <param name="Schedule">Null: it runs once.</param>
public record JobView(
    Guid Id, string Name, string Project, Guid ProjectId, JobState State, string Reason, int Replicas, int Placed, int Running, int Priority, bool Gang, long? TimeToLiveSeconds, DateTimeOffset? Deadline, ScheduleView? Schedule, DateTimeOffset CreatedAt);

/// <param name="Tenant">Null: not made yet.</param>
public sealed record ReplicaView(int Ordinal, string? Tenant, TenantState? State, string? Node);

/// <param name="Specification">Template and constraints as submitted, but for the user data.</param>
/// <param name="NextRuns">The next runs of its schedule; empty without one, while it is paused, and when the job is cancelled.</param>
public sealed record JobDetail(
    [property: System.Text.Json.Serialization.JsonIgnore] JobView Summary, JobSpecification Specification, IReadOnlyList<ReplicaView> Tenants, IReadOnlyList<DateTimeOffset> NextRuns) : JobView(Summary);

/// <param name="Summary">One sentence with filters, dimensions and counts.</param>
/// <param name="Detail">Counts by filter, largest shape that would fit, candidates with scores.</param>
public sealed record ExplanationView(string Tenant, bool Placed, string Summary, JsonElement Detail, DateTimeOffset At);

internal sealed class SubmitJobValidator : AbstractValidator<SubmitJob>
{
    /// <summary>Tenants are called NAME-yyyyMMddHHmm-ORDINAL, in 63 characters.</summary>
    private const int LongestScheduledName = 45;

    public SubmitJobValidator()
    {
        RuleFor(job => job.Name).IsName(50);
        RuleFor(job => job.Name).MaximumLength(LongestScheduledName).When(job => job.Schedule is not null).WithMessage("'{PropertyValue}' has {TotalLength} characters: a scheduled job may have {MaxLength}, because its tenants carry the time of their run, too");
        RuleFor(job => job.Schedule).SetValidator(new SetScheduleValidator()!).When(job => job.Schedule is not null);
        RuleFor(job => job.PlaceWithinSeconds).Null().When(job => job.Schedule is not null).WithMessage("a deadline counts from now, so a job with a schedule has none: leave it out");
        RuleFor(job => job.Replicas).InclusiveBetween(1, 10_000).WithMessage("{PropertyValue} replicas: use {From} to {To}");
        RuleFor(job => job.Priority).InclusiveBetween(-1000, 1000).WithMessage("priority {PropertyValue}: use {From} to {To}");
        RuleFor(job => job.TimeToLiveSeconds).GreaterThan(0).WithMessage("a time to live of {PropertyValue} s: use more than {ComparisonValue}");
        RuleFor(job => job.PlaceWithinSeconds).GreaterThan(0).WithMessage("a deadline of {PropertyValue} s: use more than {ComparisonValue}");
        RuleFor(job => job.Template).NotNull().WithMessage("give a template: image, cores and memoryBytes of each replica");
        // A replica is a tenant and must pass as one.
        RuleFor(job => job.Template).Custom((template, context) =>
        {
            if (template is null) return;
            var replica = new CreateTenant(context.InstanceToValidate.Name, template.Image, template.Cores, template.MemoryBytes, template.Nics, template.Disks, SshKey: template.SshKey, UserData: template.UserData, Labels: template.Labels);
            foreach (var failure in new CreateTenantValidator().Validate(replica).Errors.Where(failure => failure.PropertyName != nameof(CreateTenant.Name)))
            {
                context.AddFailure($"{nameof(SubmitJob.Template)}.{failure.PropertyName}", failure.ErrorMessage);
            }
        });
        RuleFor(job => job.Constraints!.Labels).AreLabels().When(job => job.Constraints is not null);
        RuleForEach(job => job.Constraints!.Affinity).NotNull().WithMessage("a rule of affinity is null: give group and rule").ChildRules(rule => rule.RuleFor(constraint => constraint.Group).IsName()).When(job => job.Constraints?.Affinity is not null);
        RuleForEach(job => job.Constraints!.Groups).IsName().When(job => job.Constraints?.Groups is not null);
    }
}

internal sealed class SetScheduleValidator : AbstractValidator<SetSchedule>
{
    public SetScheduleValidator() => RuleFor(schedule => schedule).Custom((schedule, context) =>
    {
        try
        {
            if (Schedules.Next(schedule, DateTimeOffset.UtcNow, 1).Count == 0) context.AddFailure(nameof(SetSchedule.Cron), $"'{schedule.Cron}' names a time that never comes: choose another");
        }
        catch (FormatException wrong)
        {
            context.AddFailure(nameof(SetSchedule.Cron), wrong.Message);
        }
    });
}

/// <summary>What a schedule means.</summary>
public static class Schedules
{
    /// <summary>Most characters of an expression or a zone; the longest real ones have a third of it.</summary>
    private const int Longest = 128;

    /// <summary>The next runs after a moment, at most <paramref name="count"/>.</summary>
    /// <exception cref="FormatException">The expression or the zone is not valid.</exception>
    public static IReadOnlyList<DateTimeOffset> Next(SetSchedule schedule, DateTimeOffset after, int count)
    {
        if (string.IsNullOrWhiteSpace(schedule.Cron)) throw new FormatException("give a cron expression of five fields: minute, hour, day of month, month, day of week");
        if (schedule.Cron.Length > Longest || schedule.TimeZone?.Length > Longest) throw new FormatException($"a cron expression or a time zone has at most {Longest} characters");
        var runs = new List<DateTimeOffset>(count);
        while (runs.Count < count && CronSchedule.Next(schedule.Cron, schedule.TimeZone ?? "", runs.Count == 0 ? after : runs[^1]) is { } next) runs.Add(next);
        return runs;
    }
}
