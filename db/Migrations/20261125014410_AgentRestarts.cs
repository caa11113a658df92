using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Osv.Data.Migrations
{
    /// <inheritdoc />
    public partial class AgentRestarts : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "last_end",
                table: "tenant_observed",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "restarts",
                table: "tenant_observed",
                type: "integer",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<int>(
                name: "restarts_followed",
                table: "tenant_observed",
                type: "integer",
                nullable: false,
                defaultValue: 0);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "last_end",
                table: "tenant_observed");

            migrationBuilder.DropColumn(
                name: "restarts",
                table: "tenant_observed");

            migrationBuilder.DropColumn(
                name: "restarts_followed",
                table: "tenant_observed");
        }
    }
}
