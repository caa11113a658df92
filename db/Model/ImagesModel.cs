using Microsoft.EntityFrameworkCore;
using Osv.Data.Images;
using Osv.Data.Projects;

namespace Osv.Data;

internal static class ImagesModel
{
    public static void Configure(ModelBuilder builder)
    {
        builder.Entity<Image>(table =>
        {
            table.HasOne<Project>().WithMany().HasForeignKey(image => image.ProjectId).OnDelete(DeleteBehavior.Restrict);
            table.HasOne<Content>().WithMany().HasForeignKey(image => image.KernelSha256).OnDelete(DeleteBehavior.Restrict);
            table.HasOne<Content>().WithMany().HasForeignKey(image => image.InitrdSha256).OnDelete(DeleteBehavior.Restrict);
            table.HasIndex(image => new { image.ProjectId, image.Name }).IsUnique().AreNullsDistinct(false);
        });
        builder.Entity<Content>(table =>
        {
            table.HasKey(content => content.Sha256);
            table.ToTable("contents", t => t.HasCheckConstraint("ck_contents_size_bytes", "size_bytes >= 0"));
        });
        builder.Entity<ContentChunk>(table =>
        {
            table.HasKey(chunk => new { chunk.Sha256, chunk.Ordinal });
            table.HasOne<Content>().WithMany().HasForeignKey(chunk => chunk.Sha256);
        });
    }
}
