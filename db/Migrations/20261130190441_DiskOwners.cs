using System;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Osv.Data.Migrations;

/// <summary>Whose data may be on a disk.</summary>
public partial class DiskOwners : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) =>
        migrationBuilder.AddColumn<Guid>(name: "last_tenant_id", table: "node_devices", type: "uuid", nullable: true);

    protected override void Down(MigrationBuilder migrationBuilder) =>
        throw new NotSupportedException("nothing migrates down; restore a backup made before this migration");
}
