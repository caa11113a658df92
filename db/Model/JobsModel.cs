using Microsoft.EntityFrameworkCore;
using Osv.Data.Jobs;
using Osv.Data.Projects;
using Osv.Data.Tenants;

namespace Osv.Data;

internal static class JobsModel
{
    public static void Configure(ModelBuilder builder)
    {
        builder.Entity<PlacementJob>(table =>
        {
            table.Property(job => job.Specification).HasColumnType("jsonb");
            table.HasOne<Project>().WithMany().HasForeignKey(job => job.ProjectId).OnDelete(DeleteBehavior.Restrict);
            table.HasIndex(job => new { job.ProjectId, job.Name }).IsUnique();
            table.ToTable("placement_jobs", t =>
            {
                t.HasCheckConstraint("ck_placement_jobs_replicas", "replicas > 0");
                t.HasCheckConstraint("ck_placement_jobs_time_to_live_seconds", "time_to_live_seconds > 0");
            });
        });
        builder.Entity<JobReplica>(table =>
        {
            table.HasKey(row => new { row.JobId, row.Ordinal });
            table.HasOne<PlacementJob>().WithMany().HasForeignKey(row => row.JobId);
            table.HasOne<Tenant>().WithOne().HasForeignKey<JobReplica>(row => row.TenantId).OnDelete(DeleteBehavior.SetNull);
        });
        builder.Entity<JobSchedule>(table =>
        {
            table.HasKey(row => row.JobId);
            table.HasOne<PlacementJob>().WithOne().HasForeignKey<JobSchedule>(row => row.JobId);
            table.HasIndex(row => row.NextRunAt).HasFilter("NOT paused");
        });
        builder.Entity<PlacementExplanation>(table =>
        {
            table.Property(row => row.Detail).HasColumnType("jsonb");
            table.HasOne<Tenant>().WithMany().HasForeignKey(row => row.TenantId);
            table.HasOne<PlacementJob>().WithMany().HasForeignKey(row => row.JobId);
            table.HasIndex(row => new { row.TenantId, row.Id });
        });
    }
}
