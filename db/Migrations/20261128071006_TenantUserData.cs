using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Osv.Data.Migrations
{
    /// <inheritdoc />
    public partial class TenantUserData : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "tenant_user_data",
                columns: table => new
                {
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false),
                    content = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tenant_user_data", x => x.tenant_id);
                    table.CheckConstraint("ck_tenant_user_data_content", "octet_length(content) BETWEEN 1 AND 16384");
                    table.ForeignKey(
                        name: "fk_tenant_user_data_tenants_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "tenants",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "tenant_user_data");
        }
    }
}
