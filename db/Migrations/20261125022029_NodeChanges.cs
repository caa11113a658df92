using Microsoft.EntityFrameworkCore.Migrations;

namespace Osv.Data.Migrations;

/// <summary>Agents' log lines in daily partitions, and the triggers that note which nodes' agents must be told of a change.</summary>
public partial class NodeChanges : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.Sql(LogLines);
        migrationBuilder.Sql(Placed);
        migrationBuilder.Sql(OfTenant("tenant_desired", "true"));
        migrationBuilder.Sql(OfTenant("tenant_lifecycles", "o.state <> n.state AND 'Stopping' IN (o.state, n.state)"));
        migrationBuilder.Sql(OfTenant("tenants", "true", "id"));
        migrationBuilder.Sql(OfNode("node_lifecycles", "o.state <> n.state"));
        migrationBuilder.Sql(OfNode("node_connections", "o.stream <> n.stream"));
        migrationBuilder.Sql(OfNode("node_certificates", "o.revoked_at IS DISTINCT FROM n.revoked_at", "serial_number"));
        migrationBuilder.Sql(Ordered);
    }

    protected override void Down(MigrationBuilder migrationBuilder) =>
        throw new NotSupportedException("nothing migrates down; restore a backup made before this migration");

    private const string LogLines =
        """
        CREATE TABLE agent_log_lines (
            node_id uuid NOT NULL,
            number bigint NOT NULL,
            at timestamptz NOT NULL,
            level text NOT NULL,
            category text NOT NULL,
            message text NOT NULL,
            CONSTRAINT pk_agent_log_lines PRIMARY KEY (node_id, number, at),
            CONSTRAINT fk_agent_log_lines_nodes_node_id FOREIGN KEY (node_id) REFERENCES nodes (id) ON DELETE CASCADE
        ) PARTITION BY RANGE (at);
        CREATE INDEX ix_agent_log_lines_node_id_at ON agent_log_lines (node_id, at);
        CREATE TABLE agent_log_lines_default PARTITION OF agent_log_lines DEFAULT;
        """;

    private const string Placed =
        """
        CREATE FUNCTION placements_change_node() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO node_changes (node_id) SELECT DISTINCT r.node_id FROM changed_rows r JOIN nodes ON nodes.id = r.node_id ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$;
        CREATE TRIGGER change_node_insert AFTER INSERT ON placements REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION placements_change_node();
        CREATE TRIGGER change_node_delete AFTER DELETE ON placements REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION placements_change_node();
        """;

    /// <summary>A change of a tenant's row concerns the node that it is placed on.</summary>
    private static string OfTenant(string table, string condition, string key = "tenant_id") =>
        $"""
        CREATE FUNCTION {table}_change_node() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO node_changes (node_id)
            SELECT DISTINCT p.node_id FROM new_rows n JOIN old_rows o USING ({key}) JOIN placements p ON p.tenant_id = n.{key} WHERE {condition} ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$;
        CREATE TRIGGER change_node_update AFTER UPDATE ON {table} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {table}_change_node();
        """;

    private static string OfNode(string table, string condition, string key = "node_id") =>
        $"""
        CREATE FUNCTION {table}_change_node() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO node_changes (node_id) SELECT DISTINCT n.node_id FROM new_rows n JOIN old_rows o USING ({key}) WHERE {condition} ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$;
        CREATE TRIGGER change_node_update AFTER UPDATE ON {table} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {table}_change_node();
        """;

    private const string Ordered =
        """
        CREATE FUNCTION node_commands_change_node() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO node_changes (node_id) SELECT DISTINCT node_id FROM new_rows ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$;
        CREATE TRIGGER change_node_insert AFTER INSERT ON node_commands REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION node_commands_change_node();
        """;
}
