using Microsoft.EntityFrameworkCore.Migrations;

namespace Osv.Data.Migrations;

/// <summary>What a buggy writer runs into: exclusion constraints, lifecycle triggers, usage kept from the allocations, the audit chain, daily partitions.</summary>
public partial class Guards : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.Sql(SoldOnce);
        migrationBuilder.Sql(Lifecycle("node"));
        migrationBuilder.Sql(Lifecycle("tenant"));
        migrationBuilder.Sql(NeverChanged);
        migrationBuilder.Sql(Usage("placements", "placements", "count(*)"));
        migrationBuilder.Sql(Usage("core_allocations", "cores", "count(*)"));
        migrationBuilder.Sql(Usage("memory_allocations", "memory_bytes", "sum(a.size_bytes)::bigint"));
        migrationBuilder.Sql(Usage("device_allocations", "devices", "count(*)"));
        migrationBuilder.Sql(AuditChain);
        migrationBuilder.Sql(Daily);
    }

    protected override void Down(MigrationBuilder migrationBuilder) =>
        throw new NotSupportedException("the guards of the schema are not taken away; restore a backup made before this migration");

    private const string SoldOnce =
        """
        ALTER TABLE memory_allocations ADD CONSTRAINT ex_memory_allocations_sold_once
            EXCLUDE USING gist (node_id WITH =, int8range(start_address, start_address + size_bytes) WITH &&);
        ALTER TABLE node_memory_blocks ADD CONSTRAINT ex_node_memory_blocks_apart
            EXCLUDE USING gist (node_id WITH =, int8range(start_address, start_address + size_bytes) WITH &&);
        ALTER TABLE placement_group_claims ADD CONSTRAINT ex_placement_group_claims_together
            EXCLUDE USING gist (group_id WITH =, domain WITH <>) WHERE (rule = 'Affinity');
        ALTER TABLE content_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;
        """;

    /// <summary>Refuses a first state other than the initial one and every transition that state_transitions does not list, and writes the timeline.</summary>
    private static string Lifecycle(string thing)
    {
        string initial = thing == "node" ? "Discovered" : "Pending";
        return $"""
            CREATE FUNCTION {thing}_lifecycle_guard() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    IF NEW.state <> '{initial}' THEN
                        RAISE EXCEPTION '{thing} % may not begin as %: it begins as {initial}', NEW.{thing}_id, NEW.state
                            USING ERRCODE = 'check_violation', CONSTRAINT = '{thing}_lifecycle_transition', TABLE = TG_TABLE_NAME;
                    END IF;
                ELSE
                    IF NEW.{thing}_id <> OLD.{thing}_id THEN
                        RAISE EXCEPTION 'the lifecycle of {thing} % may not become that of {thing} %', OLD.{thing}_id, NEW.{thing}_id
                            USING ERRCODE = 'check_violation', CONSTRAINT = '{thing}_lifecycle_transition', TABLE = TG_TABLE_NAME;
                    END IF;
                    PERFORM FROM state_transitions WHERE machine = '{thing}' AND from_state = OLD.state AND to_state = NEW.state;
                    IF NOT FOUND THEN
                        RAISE EXCEPTION '{thing} % may not go from % to %', NEW.{thing}_id, OLD.state, NEW.state
                            USING ERRCODE = 'check_violation', CONSTRAINT = '{thing}_lifecycle_transition', TABLE = TG_TABLE_NAME;
                    END IF;
                END IF;
                NEW.entered_at := clock_timestamp();
                RETURN NEW;
            END $$;
            CREATE TRIGGER guard_insert BEFORE INSERT ON {thing}_lifecycles FOR EACH ROW EXECUTE FUNCTION {thing}_lifecycle_guard();
            CREATE TRIGGER guard_update BEFORE UPDATE ON {thing}_lifecycles FOR EACH ROW
                WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.{thing}_id <> NEW.{thing}_id) EXECUTE FUNCTION {thing}_lifecycle_guard();

            CREATE FUNCTION {thing}_lifecycle_timeline() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO {thing}_transitions ({thing}_id, from_state, to_state, reason, owner, at, deadline_at)
                    SELECT n.{thing}_id, NULL, n.state, n.reason, n.owner, n.entered_at, n.deadline_at FROM new_rows n;
                ELSE
                    INSERT INTO {thing}_transitions ({thing}_id, from_state, to_state, reason, owner, at, deadline_at)
                    SELECT n.{thing}_id, o.state, n.state, n.reason, n.owner, n.entered_at, n.deadline_at
                    FROM new_rows n JOIN old_rows o USING ({thing}_id) WHERE o.state <> n.state;
                END IF;
                RETURN NULL;
            END $$;
            CREATE TRIGGER timeline_insert AFTER INSERT ON {thing}_lifecycles
                REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {thing}_lifecycle_timeline();
            CREATE TRIGGER timeline_update AFTER UPDATE ON {thing}_lifecycles
                REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {thing}_lifecycle_timeline();
            """;
    }

    private const string NeverChanged =
        """
        CREATE FUNCTION row_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of % are never changed: % is refused', TG_TABLE_NAME, TG_OP
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'row_never_changes', TABLE = TG_TABLE_NAME;
        END $$;
        CREATE TRIGGER never_changed BEFORE UPDATE ON placements FOR EACH STATEMENT EXECUTE FUNCTION row_never_changes();
        CREATE TRIGGER never_changed BEFORE UPDATE ON core_allocations FOR EACH STATEMENT EXECUTE FUNCTION row_never_changes();
        CREATE TRIGGER never_changed BEFORE UPDATE ON memory_allocations FOR EACH STATEMENT EXECUTE FUNCTION row_never_changes();
        CREATE TRIGGER never_changed BEFORE UPDATE ON device_allocations FOR EACH STATEMENT EXECUTE FUNCTION row_never_changes();
        CREATE TRIGGER never_changed BEFORE UPDATE ON placement_group_claims FOR EACH STATEMENT EXECUTE FUNCTION row_never_changes();
        CREATE TRIGGER never_truncated BEFORE TRUNCATE ON placements FOR EACH STATEMENT EXECUTE FUNCTION row_never_changes();
        CREATE TRIGGER never_truncated BEFORE TRUNCATE ON core_allocations FOR EACH STATEMENT EXECUTE FUNCTION row_never_changes();
        CREATE TRIGGER never_truncated BEFORE TRUNCATE ON memory_allocations FOR EACH STATEMENT EXECUTE FUNCTION row_never_changes();
        CREATE TRIGGER never_truncated BEFORE TRUNCATE ON device_allocations FOR EACH STATEMENT EXECUTE FUNCTION row_never_changes();

        CREATE FUNCTION written_by_triggers_alone() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is kept by the database itself: % is refused', TG_TABLE_NAME, TG_OP
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'written_by_triggers_alone', TABLE = TG_TABLE_NAME;
        END $$;
        CREATE TRIGGER kept_by_triggers BEFORE INSERT OR UPDATE OR DELETE ON project_usages FOR EACH STATEMENT
            WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION written_by_triggers_alone();
        CREATE TRIGGER kept_by_triggers BEFORE INSERT OR UPDATE ON node_transitions FOR EACH STATEMENT
            WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION written_by_triggers_alone();
        CREATE TRIGGER kept_by_triggers BEFORE INSERT OR UPDATE ON tenant_transitions FOR EACH STATEMENT
            WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION written_by_triggers_alone();
        -- A tenant that changed its project would leave its usage behind.
        CREATE TRIGGER project_never_changes BEFORE UPDATE OF project_id ON tenants FOR EACH STATEMENT EXECUTE FUNCTION row_never_changes();
        """;

    /// <summary>Adds what a statement sold to the usage of the projects, and refuses it where that exceeds a quota; takes away what it freed.</summary>
    private static string Usage(string table, string column, string amount) =>
        $"""
        CREATE FUNCTION {table}_usage() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            over record;
        BEGIN
            IF TG_OP = 'DELETE' THEN
                UPDATE project_usages u SET {column} = u.{column} - freed.amount
                FROM (SELECT t.project_id, {amount} AS amount FROM old_rows a JOIN tenants t ON t.id = a.tenant_id GROUP BY t.project_id) freed
                WHERE u.project_id = freed.project_id;
                RETURN NULL;
            END IF;
            INSERT INTO project_usages AS u (project_id, placements, cores, memory_bytes, devices)
            SELECT t.project_id, {Columns(column, amount)} FROM new_rows a JOIN tenants t ON t.id = a.tenant_id GROUP BY t.project_id ORDER BY t.project_id
            ON CONFLICT (project_id) DO UPDATE SET {column} = u.{column} + EXCLUDED.{column};
            SELECT q.project_id, u.{column} AS used, q.{column} AS most INTO over
            FROM project_quotas q JOIN project_usages u USING (project_id)
            WHERE u.{column} > q.{column} AND q.project_id IN (SELECT t.project_id FROM new_rows a JOIN tenants t ON t.id = a.tenant_id)
            LIMIT 1;
            IF FOUND THEN
                RAISE EXCEPTION 'project % would own % {column}, its quota is %', over.project_id, over.used, over.most
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'project_quota', TABLE = TG_TABLE_NAME;
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER usage_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {table}_usage();
        CREATE TRIGGER usage_delete AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION {table}_usage();
        """;

    private static string Columns(string column, string amount) =>
        string.Join(", ", new[] { "placements", "cores", "memory_bytes", "devices" }.Select(name => name == column ? amount : "0"));

    private const string AuditChain =
        """
        CREATE FUNCTION audit_entry_follows() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE audit_heads SET sequence = NEW.sequence, sha256 = NEW.sha256
            WHERE id = 1 AND sequence = NEW.sequence - 1 AND sha256 = NEW.previous_sha256;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'audit entry % does not follow the end of the chain', NEW.sequence
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_chain', TABLE = TG_TABLE_NAME;
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER follows BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION audit_entry_follows();
        CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION row_never_changes();
        """;

    /// <summary>The default partitions catch lines of days nobody made a partition for, so that a wrong clock loses nothing.</summary>
    private const string Daily =
        """
        CREATE TABLE console_lines (
            tenant_id uuid NOT NULL,
            sequence bigint NOT NULL,
            at timestamptz NOT NULL,
            text text NOT NULL,
            CONSTRAINT pk_console_lines PRIMARY KEY (tenant_id, sequence, at),
            CONSTRAINT fk_console_lines_tenants_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
        ) PARTITION BY RANGE (at);
        CREATE TABLE console_lines_default PARTITION OF console_lines DEFAULT;
        CREATE TABLE exit_samples (
            tenant_id uuid NOT NULL,
            at timestamptz NOT NULL,
            exit_reason text NOT NULL,
            total bigint NOT NULL,
            CONSTRAINT pk_exit_samples PRIMARY KEY (tenant_id, at, exit_reason),
            CONSTRAINT ck_exit_samples_total CHECK (total >= 0),
            CONSTRAINT fk_exit_samples_tenants_tenant_id FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
        ) PARTITION BY RANGE (at);
        CREATE TABLE exit_samples_default PARTITION OF exit_samples DEFAULT;
        """;
}
