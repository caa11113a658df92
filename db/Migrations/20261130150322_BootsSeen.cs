using System;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Osv.Data.Migrations;

/// <summary>When a boot of a node was heard first, and how much of images a node can hold.</summary>
public partial class BootsSeen : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.AddColumn<long>(name: "image_bytes", table: "nodes", type: "bigint", nullable: true);
        migrationBuilder.AddColumn<DateTimeOffset>(name: "boot_seen_at", table: "node_connections", type: "timestamp with time zone", nullable: true);
        // Nobody knows when the present boots were heard first. A time after a node became Ready would say that it has booted since, and its tenants would start elsewhere
        // while they run.
        migrationBuilder.Sql("UPDATE node_connections c SET boot_seen_at = n.registered_at FROM nodes n WHERE n.id = c.node_id");
        migrationBuilder.AlterColumn<DateTimeOffset>(name: "boot_seen_at", table: "node_connections", type: "timestamp with time zone", nullable: false);
    }

    protected override void Down(MigrationBuilder migrationBuilder) =>
        throw new NotSupportedException("nothing migrates down; restore a backup made before this migration");
}
