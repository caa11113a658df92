using Microsoft.EntityFrameworkCore.Migrations;

namespace Osv.Data.Migrations;

/// <summary>The list of all tenants reads what it shows, instead of sorting all there are.</summary>
public partial class TenantsByName : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) =>
        migrationBuilder.CreateIndex(name: "ix_tenants_name_id", table: "tenants", columns: ["name", "id"]);

    protected override void Down(MigrationBuilder migrationBuilder) =>
        throw new NotSupportedException("nothing migrates down; restore a backup made before this migration");
}
