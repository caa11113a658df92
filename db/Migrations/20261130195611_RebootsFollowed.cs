using Microsoft.EntityFrameworkCore.Migrations;

namespace Osv.Data.Migrations;

/// <summary>Which reboots the timeline shows.</summary>
public partial class RebootsFollowed : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.AddColumn<int>(name: "reboots_followed", table: "tenant_observed", type: "integer", nullable: false, defaultValue: 0);
        // Nearly all of them are in the timeline. Otherwise every tenant that was ever rebooted would seem to reboot at the upgrade.
        migrationBuilder.Sql("UPDATE tenant_observed SET reboots_followed = reboots");
    }

    protected override void Down(MigrationBuilder migrationBuilder) =>
        throw new NotSupportedException("nothing migrates down; restore a backup made before this migration");
}
