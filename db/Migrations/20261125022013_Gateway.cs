using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Osv.Data.Migrations
{
    /// <inheritdoc />
    public partial class Gateway : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<byte[]>(
                name: "key_sha256",
                table: "node_boot_tokens",
                type: "bytea",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "mac",
                table: "node_boot_tokens",
                type: "text",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "serial_number",
                table: "node_boot_tokens",
                type: "text",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "system_uuid",
                table: "node_boot_tokens",
                type: "text",
                nullable: false,
                defaultValue: "");

            migrationBuilder.CreateTable(
                name: "certificate_authorities",
                columns: table => new
                {
                    name = table.Column<string>(type: "text", nullable: false),
                    certificate = table.Column<byte[]>(type: "bytea", nullable: false),
                    protected_key = table.Column<byte[]>(type: "bytea", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_certificate_authorities", x => x.name);
                });

            migrationBuilder.CreateTable(
                name: "node_changes",
                columns: table => new
                {
                    transaction_number = table.Column<ulong>(type: "xid8", nullable: false, defaultValueSql: "pg_current_xact_id()"),
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()")
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_changes", x => new { x.transaction_number, x.node_id });
                    table.ForeignKey(
                        name: "fk_node_changes_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                })
                .Annotation("Npgsql:UnloggedTable", true);

            migrationBuilder.CreateTable(
                name: "node_commands",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    kind = table.Column<string>(type: "text", nullable: false),
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: true),
                    requested_by = table.Column<string>(type: "text", nullable: false),
                    requested_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    sent_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_commands", x => x.id);
                    table.CheckConstraint("ck_node_commands_kind", "kind IN ('Reset', 'PowerOff', 'Probe')");
                    table.ForeignKey(
                        name: "fk_node_commands_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_node_commands_tenants_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "tenants",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "node_connections",
                columns: table => new
                {
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    replica = table.Column<string>(type: "text", nullable: false),
                    stream = table.Column<string>(type: "text", nullable: false),
                    monitor_boot = table.Column<string>(type: "text", nullable: false),
                    connected_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    disconnected_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    events_boot = table.Column<string>(type: "text", nullable: true),
                    events_known = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_connections", x => x.node_id);
                    table.ForeignKey(
                        name: "fk_node_connections_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "partition_events",
                columns: table => new
                {
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    monitor_boot = table.Column<string>(type: "text", nullable: false),
                    number = table.Column<long>(type: "bigint", nullable: false),
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: true),
                    kind = table.Column<string>(type: "text", nullable: false),
                    cause = table.Column<string>(type: "text", nullable: false),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    apic_id = table.Column<int>(type: "integer", nullable: false),
                    rip = table.Column<long>(type: "bigint", nullable: false),
                    detail = table.Column<long>(type: "bigint", nullable: false),
                    partition_number = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_partition_events", x => new { x.node_id, x.monitor_boot, x.number });
                    table.ForeignKey(
                        name: "fk_partition_events_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_partition_events_tenants_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "tenants",
                        principalColumn: "id",
                        onDelete: ReferentialAction.SetNull);
                });

            migrationBuilder.AddCheckConstraint(
                name: "ck_node_boot_tokens_key_sha256",
                table: "node_boot_tokens",
                sql: "octet_length(key_sha256) = 32");

            migrationBuilder.CreateIndex(
                name: "ix_node_changes_node_id",
                table: "node_changes",
                column: "node_id");

            migrationBuilder.CreateIndex(
                name: "ix_node_commands_node_id",
                table: "node_commands",
                column: "node_id",
                filter: "sent_at IS NULL");

            migrationBuilder.CreateIndex(
                name: "ix_node_commands_tenant_id",
                table: "node_commands",
                column: "tenant_id");

            migrationBuilder.CreateIndex(
                name: "ix_partition_events_node_id_at",
                table: "partition_events",
                columns: new[] { "node_id", "at" });

            migrationBuilder.CreateIndex(
                name: "ix_partition_events_tenant_id_at",
                table: "partition_events",
                columns: new[] { "tenant_id", "at" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "certificate_authorities");

            migrationBuilder.DropTable(
                name: "node_changes");

            migrationBuilder.DropTable(
                name: "node_commands");

            migrationBuilder.DropTable(
                name: "node_connections");

            migrationBuilder.DropTable(
                name: "partition_events");

            migrationBuilder.DropCheckConstraint(
                name: "ck_node_boot_tokens_key_sha256",
                table: "node_boot_tokens");

            migrationBuilder.DropColumn(
                name: "key_sha256",
                table: "node_boot_tokens");

            migrationBuilder.DropColumn(
                name: "mac",
                table: "node_boot_tokens");

            migrationBuilder.DropColumn(
                name: "serial_number",
                table: "node_boot_tokens");

            migrationBuilder.DropColumn(
                name: "system_uuid",
                table: "node_boot_tokens");
        }
    }
}
