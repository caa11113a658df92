using Microsoft.EntityFrameworkCore;
using Osv.Data.Access;
using Osv.Data.Projects;

namespace Osv.Data;

internal static class ProjectsModel
{
    public static void Configure(ModelBuilder builder)
    {
        builder.Entity<Project>(table => table.HasIndex(project => project.Name).IsUnique());
        builder.Entity<ProjectMember>(table =>
        {
            table.HasKey(row => new { row.ProjectId, row.UserId });
            table.HasOne<Project>().WithMany().HasForeignKey(row => row.ProjectId);
            table.HasOne<OsvUser>().WithMany().HasForeignKey(row => row.UserId);
        });
        builder.Entity<ProjectQuota>(table =>
        {
            table.HasKey(row => row.ProjectId);
            table.HasOne<Project>().WithOne().HasForeignKey<ProjectQuota>(row => row.ProjectId);
            table.ToTable("project_quotas", t => t.HasCheckConstraint("ck_project_quotas_positive", "cores >= 0 AND memory_bytes >= 0 AND devices >= 0 AND placements >= 0"));
        });
        builder.Entity<ProjectUsageShare>(table =>
        {
            table.HasKey(row => new { row.ProjectId, row.Share });
            table.HasOne<Project>().WithMany().HasForeignKey(row => row.ProjectId);
        });
        builder.Entity<ProjectUsage>(view =>
        {
            view.HasKey(row => row.ProjectId);
            view.ToView("project_usages");
        });
    }
}
