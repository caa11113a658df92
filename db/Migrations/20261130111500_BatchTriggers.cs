using Microsoft.EntityFrameworkCore.Migrations;

namespace Osv.Data.Migrations;

/// <summary>
/// The triggers on the way of a placement do the same as before with work in proportion to the batch. Their plans are made
/// once for a session, from tables of whatever size they had then: joined to a statement's rows, they read all tenants or
/// compared all rows of a batch with each other.
/// </summary>
public partial class BatchTriggers : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.Sql(Usage("placements", "placements", "count(*)"));
        migrationBuilder.Sql(Usage("core_allocations", "cores", "count(*)"));
        migrationBuilder.Sql(Usage("memory_allocations", "memory_bytes", "sum(a.size_bytes)"));
        migrationBuilder.Sql(Usage("device_allocations", "devices", "count(*)"));
        migrationBuilder.Sql(Lifecycles);
    }

    protected override void Down(MigrationBuilder migrationBuilder) =>
        throw new NotSupportedException("nothing migrates down; restore a backup made before this migration");

    private static string Usage(string table, string column, string amount) =>
        $"""
        CREATE OR REPLACE FUNCTION {table}_usage() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            over record;
        BEGIN
            IF TG_OP = 'DELETE' THEN
                UPDATE project_usages u SET {column} = u.{column} - freed.amount
                FROM ({ByProject("old_rows", amount)}) freed
                WHERE u.project_id = freed.project_id;
                RETURN NULL;
            END IF;
            WITH kept AS (
                INSERT INTO project_usages AS u (project_id, placements, cores, memory_bytes, devices)
                SELECT sold.project_id, {Columns(column)} FROM ({ByProject("new_rows", amount)}) sold ORDER BY sold.project_id
                ON CONFLICT (project_id) DO UPDATE SET {column} = u.{column} + EXCLUDED.{column}
                RETURNING u.project_id, u.{column})
            SELECT q.project_id, k.{column} AS used, q.{column} AS most INTO over
            FROM kept k JOIN project_quotas q USING (project_id) WHERE k.{column} > q.{column} LIMIT 1;
            IF FOUND THEN
                RAISE EXCEPTION 'project % would own % {column}, its quota is %', over.project_id, over.used, over.most
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'project_quota', TABLE = TG_TABLE_NAME;
            END IF;
            RETURN NULL;
        END $$;
        """;

    private static string ByProject(string rows, string amount) =>
        $"""
        SELECT t.project_id, sum(t.amount)::bigint AS amount
        FROM (SELECT (SELECT project_id FROM tenants WHERE id = a.tenant_id) AS project_id, {amount} AS amount FROM {rows} a GROUP BY a.tenant_id) t
        GROUP BY t.project_id
        """;

    private static string Columns(string column) =>
        string.Join(", ", new[] { "placements", "cores", "memory_bytes", "devices" }.Select(name => name == column ? "sold.amount" : "0"));

    private const string Lifecycles =
        """
        ALTER FUNCTION tenant_lifecycle_timeline() SET enable_nestloop = off SET enable_hashjoin = on;
        CREATE OR REPLACE FUNCTION tenant_lifecycles_change_node() RETURNS trigger LANGUAGE plpgsql
            SET enable_nestloop = off SET enable_hashjoin = on SET enable_seqscan = off AS $$
        DECLARE
            changed uuid[] := ARRAY(SELECT n.tenant_id FROM new_rows n JOIN old_rows o USING (tenant_id) WHERE o.state <> n.state AND 'Stopping' IN (o.state, n.state));
        BEGIN
            IF cardinality(changed) > 0 THEN
                INSERT INTO node_changes (node_id) SELECT DISTINCT p.node_id FROM placements p WHERE p.tenant_id = ANY (changed) ON CONFLICT DO NOTHING;
            END IF;
            RETURN NULL;
        END $$;
        """;
}
