using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Osv.Data.Migrations
{
    /// <inheritdoc />
    public partial class Consoles : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "console_heads",
                columns: table => new
                {
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false),
                    position = table.Column<long>(type: "bigint", nullable: false),
                    instance = table.Column<long>(type: "bigint", nullable: false),
                    line_sequence = table.Column<long>(type: "bigint", nullable: false),
                    open_line = table.Column<byte[]>(type: "bytea", nullable: false),
                    last_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_console_heads", x => x.tenant_id);
                    table.CheckConstraint("ck_console_heads_position", "position >= 0 AND line_sequence >= 0");
                    table.ForeignKey(
                        name: "fk_console_heads_tenants_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "tenants",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "console_instances",
                columns: table => new
                {
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false),
                    instance = table.Column<long>(type: "bigint", nullable: false),
                    next_offset = table.Column<long>(type: "bigint", nullable: false),
                    last_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_console_instances", x => new { x.tenant_id, x.instance });
                    table.CheckConstraint("ck_console_instances_next_offset", "next_offset >= 0");
                    table.ForeignKey(
                        name: "fk_console_instances_tenants_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "tenants",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.Sql(
                """
                CREATE TABLE console_chunks (
                    tenant_id uuid NOT NULL,
                    position bigint NOT NULL,
                    instance bigint NOT NULL,
                    byte_offset bigint NOT NULL,
                    lost_before bigint NOT NULL,
                    at timestamptz NOT NULL,
                    data bytea NOT NULL,
                    CONSTRAINT pk_console_chunks PRIMARY KEY (tenant_id, position, at),
                    CONSTRAINT ck_console_chunks_data CHECK (length(data) BETWEEN 1 AND 65536 AND lost_before >= 0),
                    CONSTRAINT fk_console_chunks_tenants_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
                ) PARTITION BY RANGE (at);
                CREATE TABLE console_chunks_default PARTITION OF console_chunks DEFAULT;
                """);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("DROP TABLE console_chunks");

            migrationBuilder.DropTable(
                name: "console_heads");

            migrationBuilder.DropTable(
                name: "console_instances");
        }
    }
}
