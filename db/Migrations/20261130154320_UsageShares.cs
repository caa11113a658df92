using System;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Osv.Data.Migrations;

/// <summary>
/// The usage of a project is counted in shares, one for a few connections, so that batches for the same projects do not wait for each other.
/// Only where a project has a quota do they, by the lock on the quota.
/// </summary>
public partial class UsageShares : Migration
{
    private const int Shares = 16;

    private static readonly string[] s_columns = ["placements", "cores", "memory_bytes", "devices"];

    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.CreateTable(
            name: "project_usage_shares",
            columns: table => new
            {
                project_id = table.Column<Guid>(type: "uuid", nullable: false),
                share = table.Column<short>(type: "smallint", nullable: false),
                cores = table.Column<long>(type: "bigint", nullable: false),
                memory_bytes = table.Column<long>(type: "bigint", nullable: false),
                devices = table.Column<long>(type: "bigint", nullable: false),
                placements = table.Column<long>(type: "bigint", nullable: false),
            },
            constraints: table =>
            {
                table.PrimaryKey("pk_project_usage_shares", x => new { x.project_id, x.share });
                table.ForeignKey(
                    name: "fk_project_usage_shares_projects_project_id", column: x => x.project_id, principalTable: "projects", principalColumn: "id", onDelete: ReferentialAction.Cascade);
            });
        migrationBuilder.Sql("INSERT INTO project_usage_shares (project_id, share, cores, memory_bytes, devices, placements) SELECT project_id, 0, cores, memory_bytes, devices, placements FROM project_usages");
        migrationBuilder.DropTable(name: "project_usages");
        migrationBuilder.Sql(View);
        migrationBuilder.Sql(Usage("placements", "placements", "count(*)"));
        migrationBuilder.Sql(Usage("core_allocations", "cores", "count(*)"));
        migrationBuilder.Sql(Usage("memory_allocations", "memory_bytes", "sum(a.size_bytes)"));
        migrationBuilder.Sql(Usage("device_allocations", "devices", "count(*)"));
    }

    protected override void Down(MigrationBuilder migrationBuilder) =>
        throw new NotSupportedException("nothing migrates down; restore a backup made before this migration");

    private const string View =
        """
        CREATE VIEW project_usages AS
            SELECT project_id, sum(placements)::bigint AS placements, sum(cores)::bigint AS cores, sum(memory_bytes)::bigint AS memory_bytes, sum(devices)::bigint AS devices
            FROM project_usage_shares GROUP BY project_id;
        CREATE TRIGGER kept_by_triggers BEFORE INSERT OR UPDATE OR DELETE ON project_usage_shares FOR EACH STATEMENT
            WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION written_by_triggers_alone();
        """;

    private static string Usage(string table, string column, string amount) =>
        $"""
        CREATE OR REPLACE FUNCTION {table}_usage() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            owners uuid[];
            over record;
        BEGIN
            IF TG_OP = 'DELETE' THEN
                {Count(column, "old_rows", $"- {amount}")};
                RETURN NULL;
            END IF;
            WITH counted AS ({Count(column, "new_rows", amount)} RETURNING u.project_id) SELECT array_agg(project_id) INTO owners FROM counted;
            PERFORM FROM project_quotas WHERE project_id = ANY (owners) ORDER BY project_id FOR NO KEY UPDATE;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            -- A statement of its own: it sees what others have counted before the locks were given.
            SELECT q.project_id, u.used, q.{column} AS most INTO over
            FROM project_quotas q CROSS JOIN LATERAL (SELECT sum(s.{column}) AS used FROM project_usage_shares s WHERE s.project_id = q.project_id) u
            WHERE q.project_id = ANY (owners) AND u.used > q.{column} LIMIT 1;
            IF FOUND THEN
                RAISE EXCEPTION 'project % would own % {column}, its quota is %', over.project_id, over.used, over.most
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'project_quota', TABLE = TG_TABLE_NAME;
            END IF;
            RETURN NULL;
        END $$;
        """;

    /// <summary>Of a project that is being deleted nothing is counted any more.</summary>
    private static string Count(string column, string rows, string amount) =>
        $"""
        INSERT INTO project_usage_shares AS u (project_id, share, {string.Join(", ", s_columns)})
            SELECT t.project_id, pg_backend_pid() % {Shares}, {string.Join(", ", s_columns.Select(name => name == column ? "sum(t.amount)::bigint" : "0"))}
            FROM (SELECT (SELECT project_id FROM tenants WHERE id = a.tenant_id) AS project_id, {amount} AS amount FROM {rows} a GROUP BY a.tenant_id) t
                JOIN projects p ON p.id = t.project_id
            GROUP BY t.project_id ORDER BY t.project_id
            ON CONFLICT (project_id, share) DO UPDATE SET {column} = u.{column} + EXCLUDED.{column}
        """;
}
