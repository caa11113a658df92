using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

#pragma warning disable CA1814 // Prefer jagged arrays over multidimensional

namespace Osv.Data.Migrations
{
    /// <inheritdoc />
    public partial class Initial : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AlterDatabase()
                .Annotation("Npgsql:PostgresExtension:btree_gist", ",,");

            migrationBuilder.CreateSequence(
                name: "placement_fence");

            migrationBuilder.CreateTable(
                name: "audit_entries",
                columns: table => new
                {
                    sequence = table.Column<long>(type: "bigint", nullable: false),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    actor = table.Column<string>(type: "text", nullable: false),
                    action = table.Column<string>(type: "text", nullable: false),
                    subject = table.Column<string>(type: "text", nullable: false),
                    project_id = table.Column<Guid>(type: "uuid", nullable: true),
                    detail = table.Column<string>(type: "json", nullable: false),
                    previous_sha256 = table.Column<byte[]>(type: "bytea", nullable: false),
                    sha256 = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_audit_entries", x => x.sequence);
                    table.CheckConstraint("ck_audit_entries_previous_sha256", "octet_length(previous_sha256) = 32");
                    table.CheckConstraint("ck_audit_entries_sha256", "octet_length(sha256) = 32");
                });

            migrationBuilder.CreateTable(
                name: "audit_heads",
                columns: table => new
                {
                    id = table.Column<int>(type: "integer", nullable: false),
                    sequence = table.Column<long>(type: "bigint", nullable: false),
                    sha256 = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_audit_heads", x => x.id);
                    table.CheckConstraint("ck_audit_heads_id", "id = 1");
                    table.CheckConstraint("ck_audit_heads_sha256", "octet_length(sha256) = 32");
                });

            migrationBuilder.CreateTable(
                name: "contents",
                columns: table => new
                {
                    sha256 = table.Column<byte[]>(type: "bytea", nullable: false),
                    size_bytes = table.Column<long>(type: "bigint", nullable: false),
                    stored_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_contents", x => x.sha256);
                    table.CheckConstraint("ck_contents_sha256", "octet_length(sha256) = 32");
                    table.CheckConstraint("ck_contents_size_bytes", "size_bytes >= 0");
                });

            migrationBuilder.CreateTable(
                name: "idempotency_keys",
                columns: table => new
                {
                    scope = table.Column<string>(type: "text", nullable: false),
                    key = table.Column<string>(type: "text", nullable: false),
                    request_sha256 = table.Column<byte[]>(type: "bytea", nullable: false),
                    response_status = table.Column<int>(type: "integer", nullable: true),
                    response_body = table.Column<string>(type: "text", nullable: true),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_idempotency_keys", x => new { x.scope, x.key });
                    table.CheckConstraint("ck_idempotency_keys_request_sha256", "octet_length(request_sha256) = 32");
                });

            migrationBuilder.CreateTable(
                name: "leases",
                columns: table => new
                {
                    name = table.Column<string>(type: "text", nullable: false),
                    holder = table.Column<string>(type: "text", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    fence = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_leases", x => x.name);
                });

            migrationBuilder.CreateTable(
                name: "nodes",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    serial_number = table.Column<string>(type: "text", nullable: false),
                    system_uuid = table.Column<Guid>(type: "uuid", nullable: true),
                    boot_mac = table.Column<string>(type: "text", nullable: true),
                    rack = table.Column<string>(type: "text", nullable: false),
                    power_domain = table.Column<string>(type: "text", nullable: false),
                    labels = table.Column<string>(type: "jsonb", nullable: false),
                    monitor_version = table.Column<string>(type: "text", nullable: true),
                    agent_version = table.Column<string>(type: "text", nullable: true),
                    registered_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_nodes", x => x.id);
                    table.CheckConstraint("ck_nodes_boot_mac", "boot_mac ~ '^([0-9a-f]{2}:){5}[0-9a-f]{2}$'");
                });

            migrationBuilder.CreateTable(
                name: "outbox_messages",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    message_id = table.Column<Guid>(type: "uuid", nullable: false),
                    message_type = table.Column<string>(type: "text", nullable: false),
                    body = table.Column<string>(type: "jsonb", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    attempts = table.Column<int>(type: "integer", nullable: false, defaultValue: 0),
                    claimed_by = table.Column<string>(type: "text", nullable: true),
                    claimed_until = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_outbox_messages", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "projects",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_projects", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "state_transitions",
                columns: table => new
                {
                    machine = table.Column<string>(type: "text", nullable: false),
                    from_state = table.Column<string>(type: "text", nullable: false),
                    to_state = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_state_transitions", x => new { x.machine, x.from_state, x.to_state });
                });

            migrationBuilder.CreateTable(
                name: "users",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    site_role = table.Column<string>(type: "text", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    user_name = table.Column<string>(type: "character varying(256)", maxLength: 256, nullable: true),
                    normalized_user_name = table.Column<string>(type: "character varying(256)", maxLength: 256, nullable: true),
                    email = table.Column<string>(type: "character varying(256)", maxLength: 256, nullable: true),
                    normalized_email = table.Column<string>(type: "character varying(256)", maxLength: 256, nullable: true),
                    email_confirmed = table.Column<bool>(type: "boolean", nullable: false),
                    password_hash = table.Column<string>(type: "text", nullable: true),
                    security_stamp = table.Column<string>(type: "text", nullable: true),
                    concurrency_stamp = table.Column<string>(type: "text", nullable: true),
                    phone_number = table.Column<string>(type: "text", nullable: true),
                    phone_number_confirmed = table.Column<bool>(type: "boolean", nullable: false),
                    two_factor_enabled = table.Column<bool>(type: "boolean", nullable: false),
                    lockout_end = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    lockout_enabled = table.Column<bool>(type: "boolean", nullable: false),
                    access_failed_count = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_users", x => x.id);
                    table.CheckConstraint("ck_users_site_role", "site_role IN ('None', 'Operator', 'Administrator')");
                });

            migrationBuilder.CreateTable(
                name: "content_chunks",
                columns: table => new
                {
                    sha256 = table.Column<byte[]>(type: "bytea", nullable: false),
                    ordinal = table.Column<int>(type: "integer", nullable: false),
                    bytes = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_content_chunks", x => new { x.sha256, x.ordinal });
                    table.CheckConstraint("ck_content_chunks_sha256", "octet_length(sha256) = 32");
                    table.ForeignKey(
                        name: "fk_content_chunks_contents_sha256",
                        column: x => x.sha256,
                        principalTable: "contents",
                        principalColumn: "sha256",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "node_boot_tokens",
                columns: table => new
                {
                    token_sha256 = table.Column<byte[]>(type: "bytea", nullable: false),
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    issued_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    used_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_boot_tokens", x => x.token_sha256);
                    table.CheckConstraint("ck_node_boot_tokens_token_sha256", "octet_length(token_sha256) = 32");
                    table.ForeignKey(
                        name: "fk_node_boot_tokens_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "node_boots",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    started_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_boots", x => x.id);
                    table.ForeignKey(
                        name: "fk_node_boots_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "node_cells",
                columns: table => new
                {
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    cell_number = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_cells", x => new { x.node_id, x.cell_number });
                    table.ForeignKey(
                        name: "fk_node_cells_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "node_certificates",
                columns: table => new
                {
                    serial_number = table.Column<string>(type: "text", nullable: false),
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    public_key_sha256 = table.Column<byte[]>(type: "bytea", nullable: false),
                    not_before_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    not_after_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    revoked_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    revocation_reason = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_certificates", x => x.serial_number);
                    table.CheckConstraint("ck_node_certificates_public_key_sha256", "octet_length(public_key_sha256) = 32");
                    table.CheckConstraint("ck_node_certificates_validity", "not_before_at < not_after_at");
                    table.ForeignKey(
                        name: "fk_node_certificates_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "node_desired",
                columns: table => new
                {
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    intent = table.Column<string>(type: "text", nullable: false),
                    changed_by = table.Column<string>(type: "text", nullable: false),
                    changed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_desired", x => x.node_id);
                    table.CheckConstraint("ck_node_desired_intent", "intent IN ('Serve', 'Drain', 'Retire')");
                    table.ForeignKey(
                        name: "fk_node_desired_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "node_health_reports",
                columns: table => new
                {
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    source = table.Column<string>(type: "text", nullable: false),
                    summary = table.Column<string>(type: "text", nullable: false),
                    prevents_placement = table.Column<bool>(type: "boolean", nullable: false),
                    prevents_state_changes = table.Column<bool>(type: "boolean", nullable: false),
                    suppresses_alerts = table.Column<bool>(type: "boolean", nullable: false),
                    observed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_health_reports", x => new { x.node_id, x.source });
                    table.ForeignKey(
                        name: "fk_node_health_reports_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "node_heartbeats",
                columns: table => new
                {
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    received_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    sequence = table.Column<long>(type: "bigint", nullable: false),
                    lease_expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_heartbeats", x => x.node_id);
                    table.ForeignKey(
                        name: "fk_node_heartbeats_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                })
                .Annotation("Npgsql:StorageParameter:fillfactor", 50);

            migrationBuilder.CreateTable(
                name: "node_lifecycles",
                columns: table => new
                {
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: false),
                    owner = table.Column<string>(type: "text", nullable: false),
                    entered_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()"),
                    deadline_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    due_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    claimed_by = table.Column<string>(type: "text", nullable: true),
                    claimed_until = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_lifecycles", x => x.node_id);
                    table.CheckConstraint("ck_node_lifecycles_claim", "(claimed_by IS NULL) = (claimed_until IS NULL)");
                    table.CheckConstraint("ck_node_lifecycles_deadline", "deadline_at IS NOT NULL OR state IN ('Ready', 'Drained', 'Lost', 'Quarantined', 'Retired')");
                    table.CheckConstraint("ck_node_lifecycles_owner", "owner <> ''");
                    table.CheckConstraint("ck_node_lifecycles_state", "state IN ('Discovered', 'PendingApproval', 'Ready', 'Draining', 'Drained', 'Lost', 'Quarantined', 'Retired')");
                    table.ForeignKey(
                        name: "fk_node_lifecycles_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "node_transitions",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    from_state = table.Column<string>(type: "text", nullable: true),
                    to_state = table.Column<string>(type: "text", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: false),
                    owner = table.Column<string>(type: "text", nullable: false),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    deadline_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_transitions", x => new { x.node_id, x.id });
                    table.CheckConstraint("ck_node_transitions_from_state", "from_state IN ('Discovered', 'PendingApproval', 'Ready', 'Draining', 'Drained', 'Lost', 'Quarantined', 'Retired')");
                    table.CheckConstraint("ck_node_transitions_to_state", "to_state IN ('Discovered', 'PendingApproval', 'Ready', 'Draining', 'Drained', 'Lost', 'Quarantined', 'Retired')");
                    table.ForeignKey(
                        name: "fk_node_transitions_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "images",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    project_id = table.Column<Guid>(type: "uuid", nullable: true),
                    name = table.Column<string>(type: "text", nullable: false),
                    kernel_sha256 = table.Column<byte[]>(type: "bytea", nullable: false),
                    initrd_sha256 = table.Column<byte[]>(type: "bytea", nullable: true),
                    command_line = table.Column<string>(type: "text", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_images", x => x.id);
                    table.CheckConstraint("ck_images_initrd_sha256", "octet_length(initrd_sha256) = 32");
                    table.CheckConstraint("ck_images_kernel_sha256", "octet_length(kernel_sha256) = 32");
                    table.ForeignKey(
                        name: "fk_images_contents_initrd_sha256",
                        column: x => x.initrd_sha256,
                        principalTable: "contents",
                        principalColumn: "sha256",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_images_contents_kernel_sha256",
                        column: x => x.kernel_sha256,
                        principalTable: "contents",
                        principalColumn: "sha256",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_images_projects_project_id",
                        column: x => x.project_id,
                        principalTable: "projects",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "placement_groups",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    project_id = table.Column<Guid>(type: "uuid", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    rule = table.Column<string>(type: "text", nullable: false),
                    scope = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_placement_groups", x => x.id);
                    table.UniqueConstraint("ak_placement_groups_id_rule", x => new { x.id, x.rule });
                    table.CheckConstraint("ck_placement_groups_rule", "rule IN ('Affinity', 'AntiAffinity')");
                    table.CheckConstraint("ck_placement_groups_scope", "scope IN ('Node', 'Rack', 'PowerDomain')");
                    table.ForeignKey(
                        name: "fk_placement_groups_projects_project_id",
                        column: x => x.project_id,
                        principalTable: "projects",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "placement_jobs",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    project_id = table.Column<Guid>(type: "uuid", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    replicas = table.Column<int>(type: "integer", nullable: false),
                    specification = table.Column<string>(type: "jsonb", nullable: false),
                    priority = table.Column<int>(type: "integer", nullable: false),
                    gang = table.Column<bool>(type: "boolean", nullable: false),
                    time_to_live_seconds = table.Column<long>(type: "bigint", nullable: true),
                    state = table.Column<string>(type: "text", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: false),
                    deadline_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_placement_jobs", x => x.id);
                    table.CheckConstraint("ck_placement_jobs_replicas", "replicas > 0");
                    table.CheckConstraint("ck_placement_jobs_state", "state IN ('Active', 'Completed', 'Cancelled', 'Failed')");
                    table.CheckConstraint("ck_placement_jobs_time_to_live_seconds", "time_to_live_seconds > 0");
                    table.ForeignKey(
                        name: "fk_placement_jobs_projects_project_id",
                        column: x => x.project_id,
                        principalTable: "projects",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "project_quotas",
                columns: table => new
                {
                    project_id = table.Column<Guid>(type: "uuid", nullable: false),
                    cores = table.Column<long>(type: "bigint", nullable: true),
                    memory_bytes = table.Column<long>(type: "bigint", nullable: true),
                    devices = table.Column<long>(type: "bigint", nullable: true),
                    placements = table.Column<long>(type: "bigint", nullable: true),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_project_quotas", x => x.project_id);
                    table.CheckConstraint("ck_project_quotas_positive", "cores >= 0 AND memory_bytes >= 0 AND devices >= 0 AND placements >= 0");
                    table.ForeignKey(
                        name: "fk_project_quotas_projects_project_id",
                        column: x => x.project_id,
                        principalTable: "projects",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "project_usages",
                columns: table => new
                {
                    project_id = table.Column<Guid>(type: "uuid", nullable: false),
                    cores = table.Column<long>(type: "bigint", nullable: false),
                    memory_bytes = table.Column<long>(type: "bigint", nullable: false),
                    devices = table.Column<long>(type: "bigint", nullable: false),
                    placements = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_project_usages", x => x.project_id);
                    table.CheckConstraint("ck_project_usages_positive", "cores >= 0 AND memory_bytes >= 0 AND devices >= 0 AND placements >= 0");
                    table.ForeignKey(
                        name: "fk_project_usages_projects_project_id",
                        column: x => x.project_id,
                        principalTable: "projects",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "api_tokens",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    user_id = table.Column<Guid>(type: "uuid", nullable: false),
                    project_id = table.Column<Guid>(type: "uuid", nullable: true),
                    name = table.Column<string>(type: "text", nullable: false),
                    token_sha256 = table.Column<byte[]>(type: "bytea", nullable: false),
                    scopes = table.Column<string[]>(type: "text[]", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    last_used_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    revoked_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_api_tokens", x => x.id);
                    table.CheckConstraint("ck_api_tokens_expires_at", "expires_at > created_at");
                    table.CheckConstraint("ck_api_tokens_token_sha256", "octet_length(token_sha256) = 32");
                    table.ForeignKey(
                        name: "fk_api_tokens_projects_project_id",
                        column: x => x.project_id,
                        principalTable: "projects",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_api_tokens_users_user_id",
                        column: x => x.user_id,
                        principalTable: "users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "project_members",
                columns: table => new
                {
                    project_id = table.Column<Guid>(type: "uuid", nullable: false),
                    user_id = table.Column<Guid>(type: "uuid", nullable: false),
                    role = table.Column<string>(type: "text", nullable: false),
                    added_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_project_members", x => new { x.project_id, x.user_id });
                    table.CheckConstraint("ck_project_members_role", "role IN ('Viewer', 'Member', 'Owner')");
                    table.ForeignKey(
                        name: "fk_project_members_projects_project_id",
                        column: x => x.project_id,
                        principalTable: "projects",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_project_members_users_user_id",
                        column: x => x.user_id,
                        principalTable: "users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "user_claims",
                columns: table => new
                {
                    id = table.Column<int>(type: "integer", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    user_id = table.Column<Guid>(type: "uuid", nullable: false),
                    claim_type = table.Column<string>(type: "text", nullable: true),
                    claim_value = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_user_claims", x => x.id);
                    table.ForeignKey(
                        name: "fk_user_claims_users_user_id",
                        column: x => x.user_id,
                        principalTable: "users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "user_logins",
                columns: table => new
                {
                    login_provider = table.Column<string>(type: "text", nullable: false),
                    provider_key = table.Column<string>(type: "text", nullable: false),
                    provider_display_name = table.Column<string>(type: "text", nullable: true),
                    user_id = table.Column<Guid>(type: "uuid", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_user_logins", x => new { x.login_provider, x.provider_key });
                    table.ForeignKey(
                        name: "fk_user_logins_users_user_id",
                        column: x => x.user_id,
                        principalTable: "users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "user_tokens",
                columns: table => new
                {
                    user_id = table.Column<Guid>(type: "uuid", nullable: false),
                    login_provider = table.Column<string>(type: "text", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    value = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_user_tokens", x => new { x.user_id, x.login_provider, x.name });
                    table.ForeignKey(
                        name: "fk_user_tokens_users_user_id",
                        column: x => x.user_id,
                        principalTable: "users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "node_boot_steps",
                columns: table => new
                {
                    boot_id = table.Column<Guid>(type: "uuid", nullable: false),
                    step = table.Column<string>(type: "text", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false),
                    started_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    finished_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    deadline_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    detail = table.Column<string>(type: "text", nullable: false),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_boot_steps", x => new { x.boot_id, x.step });
                    table.CheckConstraint("ck_node_boot_steps_finished_at", "(finished_at IS NULL) = (state = 'Waiting')");
                    table.CheckConstraint("ck_node_boot_steps_state", "state IN ('Waiting', 'Done', 'Failed')");
                    table.CheckConstraint("ck_node_boot_steps_step", "step IN ('Dhcp', 'Script', 'Image', 'Monitor', 'Agent')");
                    table.ForeignKey(
                        name: "fk_node_boot_steps_node_boots_boot_id",
                        column: x => x.boot_id,
                        principalTable: "node_boots",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "node_cores",
                columns: table => new
                {
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    apic_id = table.Column<int>(type: "integer", nullable: false),
                    cell_number = table.Column<int>(type: "integer", nullable: false),
                    cache_domain = table.Column<int>(type: "integer", nullable: false),
                    physical_core = table.Column<int>(type: "integer", nullable: false),
                    threads_per_core = table.Column<int>(type: "integer", nullable: false),
                    reserved = table.Column<bool>(type: "boolean", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_cores", x => new { x.node_id, x.apic_id });
                    table.CheckConstraint("ck_node_cores_apic_id", "apic_id >= 0");
                    table.CheckConstraint("ck_node_cores_threads_per_core", "threads_per_core > 0");
                    table.ForeignKey(
                        name: "fk_node_cores_node_cells_node_id_cell_number",
                        columns: x => new { x.node_id, x.cell_number },
                        principalTable: "node_cells",
                        principalColumns: new[] { "node_id", "cell_number" },
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "node_devices",
                columns: table => new
                {
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    pci_address = table.Column<string>(type: "text", nullable: false),
                    kind = table.Column<string>(type: "text", nullable: false),
                    vendor_id = table.Column<int>(type: "integer", nullable: false),
                    device_id = table.Column<int>(type: "integer", nullable: false),
                    cell_number = table.Column<int>(type: "integer", nullable: true),
                    capacity_bytes = table.Column<long>(type: "bigint", nullable: true),
                    reserved = table.Column<bool>(type: "boolean", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_devices", x => new { x.node_id, x.pci_address });
                    table.CheckConstraint("ck_node_devices_capacity_bytes", "capacity_bytes >= 0");
                    table.CheckConstraint("ck_node_devices_device_id", "device_id BETWEEN 0 AND 65535");
                    table.CheckConstraint("ck_node_devices_kind", "kind IN ('Nic', 'Disk', 'Accelerator', 'Other')");
                    table.CheckConstraint("ck_node_devices_pci_address", "pci_address ~ '^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\\.[0-7]$'");
                    table.CheckConstraint("ck_node_devices_vendor_id", "vendor_id BETWEEN 0 AND 65535");
                    table.ForeignKey(
                        name: "fk_node_devices_node_cells_node_id_cell_number",
                        columns: x => new { x.node_id, x.cell_number },
                        principalTable: "node_cells",
                        principalColumns: new[] { "node_id", "cell_number" });
                    table.ForeignKey(
                        name: "fk_node_devices_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "node_memory_blocks",
                columns: table => new
                {
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    start_address = table.Column<long>(type: "bigint", nullable: false),
                    size_bytes = table.Column<long>(type: "bigint", nullable: false),
                    cell_number = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_node_memory_blocks", x => new { x.node_id, x.start_address, x.size_bytes });
                    table.CheckConstraint("ck_node_memory_blocks_addresses", "start_address >= 0 AND start_address % 2097152 = 0 AND size_bytes > 0 AND size_bytes % 2097152 = 0");
                    table.ForeignKey(
                        name: "fk_node_memory_blocks_node_cells_node_id_cell_number",
                        columns: x => new { x.node_id, x.cell_number },
                        principalTable: "node_cells",
                        principalColumns: new[] { "node_id", "cell_number" },
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "tenants",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    project_id = table.Column<Guid>(type: "uuid", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    image_id = table.Column<Guid>(type: "uuid", nullable: false),
                    core_count = table.Column<int>(type: "integer", nullable: false),
                    memory_bytes = table.Column<long>(type: "bigint", nullable: false),
                    nic_count = table.Column<int>(type: "integer", nullable: false),
                    disk_count = table.Column<int>(type: "integer", nullable: false),
                    restart_policy = table.Column<string>(type: "text", nullable: false),
                    priority = table.Column<int>(type: "integer", nullable: false),
                    runs_on_without_lease = table.Column<bool>(type: "boolean", nullable: false),
                    ssh_key = table.Column<string>(type: "text", nullable: true),
                    labels = table.Column<string>(type: "jsonb", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tenants", x => x.id);
                    table.CheckConstraint("ck_tenants_core_count", "core_count > 0");
                    table.CheckConstraint("ck_tenants_disk_count", "disk_count >= 0");
                    table.CheckConstraint("ck_tenants_memory_bytes", "memory_bytes > 0 AND memory_bytes % 2097152 = 0");
                    table.CheckConstraint("ck_tenants_nic_count", "nic_count >= 0");
                    table.CheckConstraint("ck_tenants_restart_policy", "restart_policy IN ('Always', 'OnFailure', 'Never')");
                    table.ForeignKey(
                        name: "fk_tenants_images_image_id",
                        column: x => x.image_id,
                        principalTable: "images",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_tenants_projects_project_id",
                        column: x => x.project_id,
                        principalTable: "projects",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "job_schedules",
                columns: table => new
                {
                    job_id = table.Column<Guid>(type: "uuid", nullable: false),
                    cron = table.Column<string>(type: "text", nullable: false),
                    time_zone = table.Column<string>(type: "text", nullable: false),
                    paused = table.Column<bool>(type: "boolean", nullable: false),
                    last_run_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    next_run_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_job_schedules", x => x.job_id);
                    table.ForeignKey(
                        name: "fk_job_schedules_placement_jobs_job_id",
                        column: x => x.job_id,
                        principalTable: "placement_jobs",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "job_replicas",
                columns: table => new
                {
                    job_id = table.Column<Guid>(type: "uuid", nullable: false),
                    ordinal = table.Column<int>(type: "integer", nullable: false),
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: true),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_job_replicas", x => new { x.job_id, x.ordinal });
                    table.ForeignKey(
                        name: "fk_job_replicas_placement_jobs_job_id",
                        column: x => x.job_id,
                        principalTable: "placement_jobs",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_job_replicas_tenants_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "tenants",
                        principalColumn: "id",
                        onDelete: ReferentialAction.SetNull);
                });

            migrationBuilder.CreateTable(
                name: "placement_explanations",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false),
                    job_id = table.Column<Guid>(type: "uuid", nullable: true),
                    placed = table.Column<bool>(type: "boolean", nullable: false),
                    summary = table.Column<string>(type: "text", nullable: false),
                    detail = table.Column<string>(type: "jsonb", nullable: false),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_placement_explanations", x => x.id);
                    table.ForeignKey(
                        name: "fk_placement_explanations_placement_jobs_job_id",
                        column: x => x.job_id,
                        principalTable: "placement_jobs",
                        principalColumn: "id");
                    table.ForeignKey(
                        name: "fk_placement_explanations_tenants_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "tenants",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "placement_group_members",
                columns: table => new
                {
                    group_id = table.Column<Guid>(type: "uuid", nullable: false),
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_placement_group_members", x => new { x.group_id, x.tenant_id });
                    table.ForeignKey(
                        name: "fk_placement_group_members_placement_groups_group_id",
                        column: x => x.group_id,
                        principalTable: "placement_groups",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_placement_group_members_tenants_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "tenants",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "placements",
                columns: table => new
                {
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    fence = table.Column<long>(type: "bigint", nullable: false, defaultValueSql: "nextval('placement_fence')"),
                    placed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_placements", x => x.tenant_id);
                    table.UniqueConstraint("ak_placements_tenant_id_node_id", x => new { x.tenant_id, x.node_id });
                    table.ForeignKey(
                        name: "fk_placements_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_placements_tenants_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "tenants",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "tenant_desired",
                columns: table => new
                {
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false),
                    intent = table.Column<string>(type: "text", nullable: false),
                    reboots = table.Column<int>(type: "integer", nullable: false),
                    changed_by = table.Column<string>(type: "text", nullable: false),
                    changed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tenant_desired", x => x.tenant_id);
                    table.CheckConstraint("ck_tenant_desired_intent", "intent IN ('Run', 'Stop', 'Delete')");
                    table.ForeignKey(
                        name: "fk_tenant_desired_tenants_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "tenants",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "tenant_health_reports",
                columns: table => new
                {
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false),
                    source = table.Column<string>(type: "text", nullable: false),
                    summary = table.Column<string>(type: "text", nullable: false),
                    prevents_state_changes = table.Column<bool>(type: "boolean", nullable: false),
                    suppresses_alerts = table.Column<bool>(type: "boolean", nullable: false),
                    observed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tenant_health_reports", x => new { x.tenant_id, x.source });
                    table.ForeignKey(
                        name: "fk_tenant_health_reports_tenants_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "tenants",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "tenant_lifecycles",
                columns: table => new
                {
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false),
                    restarts = table.Column<int>(type: "integer", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: false),
                    owner = table.Column<string>(type: "text", nullable: false),
                    entered_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()"),
                    deadline_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    due_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    claimed_by = table.Column<string>(type: "text", nullable: true),
                    claimed_until = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    xmin = table.Column<uint>(type: "xid", rowVersion: true, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tenant_lifecycles", x => x.tenant_id);
                    table.CheckConstraint("ck_tenant_lifecycles_claim", "(claimed_by IS NULL) = (claimed_until IS NULL)");
                    table.CheckConstraint("ck_tenant_lifecycles_deadline", "deadline_at IS NOT NULL OR state IN ('Running', 'Stopped', 'Failed')");
                    table.CheckConstraint("ck_tenant_lifecycles_owner", "owner <> ''");
                    table.CheckConstraint("ck_tenant_lifecycles_state", "state IN ('Pending', 'Placed', 'Loading', 'Starting', 'Running', 'Stopping', 'Stopped', 'Crashed', 'Hung', 'Unreachable', 'Failed')");
                    table.ForeignKey(
                        name: "fk_tenant_lifecycles_tenants_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "tenants",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "tenant_observed",
                columns: table => new
                {
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    partition_state = table.Column<string>(type: "text", nullable: false),
                    partition_number = table.Column<int>(type: "integer", nullable: false),
                    fence = table.Column<long>(type: "bigint", nullable: false),
                    reboots = table.Column<int>(type: "integer", nullable: false),
                    end_cause = table.Column<string>(type: "text", nullable: true),
                    observed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tenant_observed", x => x.tenant_id);
                    table.ForeignKey(
                        name: "fk_tenant_observed_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_tenant_observed_tenants_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "tenants",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                })
                .Annotation("Npgsql:StorageParameter:fillfactor", 50);

            migrationBuilder.CreateTable(
                name: "tenant_transitions",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false),
                    from_state = table.Column<string>(type: "text", nullable: true),
                    to_state = table.Column<string>(type: "text", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: false),
                    owner = table.Column<string>(type: "text", nullable: false),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    deadline_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tenant_transitions", x => new { x.tenant_id, x.id });
                    table.CheckConstraint("ck_tenant_transitions_from_state", "from_state IN ('Pending', 'Placed', 'Loading', 'Starting', 'Running', 'Stopping', 'Stopped', 'Crashed', 'Hung', 'Unreachable', 'Failed')");
                    table.CheckConstraint("ck_tenant_transitions_to_state", "to_state IN ('Pending', 'Placed', 'Loading', 'Starting', 'Running', 'Stopping', 'Stopped', 'Crashed', 'Hung', 'Unreachable', 'Failed')");
                    table.ForeignKey(
                        name: "fk_tenant_transitions_tenants_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "tenants",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "core_allocations",
                columns: table => new
                {
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    apic_id = table.Column<int>(type: "integer", nullable: false),
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_core_allocations", x => new { x.node_id, x.apic_id });
                    table.ForeignKey(
                        name: "fk_core_allocations_node_cores_node_id_apic_id",
                        columns: x => new { x.node_id, x.apic_id },
                        principalTable: "node_cores",
                        principalColumns: new[] { "node_id", "apic_id" },
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_core_allocations_placements_tenant_id_node_id",
                        columns: x => new { x.tenant_id, x.node_id },
                        principalTable: "placements",
                        principalColumns: new[] { "tenant_id", "node_id" },
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "device_allocations",
                columns: table => new
                {
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    pci_address = table.Column<string>(type: "text", nullable: false),
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_device_allocations", x => new { x.node_id, x.pci_address });
                    table.ForeignKey(
                        name: "fk_device_allocations_node_devices_node_id_pci_address",
                        columns: x => new { x.node_id, x.pci_address },
                        principalTable: "node_devices",
                        principalColumns: new[] { "node_id", "pci_address" },
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_device_allocations_placements_tenant_id_node_id",
                        columns: x => new { x.tenant_id, x.node_id },
                        principalTable: "placements",
                        principalColumns: new[] { "tenant_id", "node_id" },
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "memory_allocations",
                columns: table => new
                {
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    start_address = table.Column<long>(type: "bigint", nullable: false),
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false),
                    size_bytes = table.Column<long>(type: "bigint", nullable: false),
                    block_start_address = table.Column<long>(type: "bigint", nullable: false),
                    block_size_bytes = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_memory_allocations", x => new { x.tenant_id, x.node_id, x.start_address });
                    table.CheckConstraint("ck_memory_allocations_addresses", "start_address >= 0 AND start_address % 2097152 = 0 AND size_bytes > 0 AND size_bytes % 2097152 = 0");
                    table.CheckConstraint("ck_memory_allocations_inside_block", "start_address >= block_start_address AND start_address + size_bytes <= block_start_address + block_size_bytes");
                    table.ForeignKey(
                        name: "fk_memory_allocations_node_memory_blocks_node_id_block_start_a",
                        columns: x => new { x.node_id, x.block_start_address, x.block_size_bytes },
                        principalTable: "node_memory_blocks",
                        principalColumns: new[] { "node_id", "start_address", "size_bytes" },
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_memory_allocations_placements_tenant_id_node_id",
                        columns: x => new { x.tenant_id, x.node_id },
                        principalTable: "placements",
                        principalColumns: new[] { "tenant_id", "node_id" },
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "placement_group_claims",
                columns: table => new
                {
                    group_id = table.Column<Guid>(type: "uuid", nullable: false),
                    tenant_id = table.Column<Guid>(type: "uuid", nullable: false),
                    rule = table.Column<string>(type: "text", nullable: false),
                    domain = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_placement_group_claims", x => new { x.group_id, x.tenant_id });
                    table.CheckConstraint("ck_placement_group_claims_rule", "rule IN ('Affinity', 'AntiAffinity')");
                    table.ForeignKey(
                        name: "fk_placement_group_claims_placement_group_members_group_id_ten",
                        columns: x => new { x.group_id, x.tenant_id },
                        principalTable: "placement_group_members",
                        principalColumns: new[] { "group_id", "tenant_id" },
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_placement_group_claims_placement_groups_group_id_rule",
                        columns: x => new { x.group_id, x.rule },
                        principalTable: "placement_groups",
                        principalColumns: new[] { "id", "rule" },
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_placement_group_claims_placements_tenant_id",
                        column: x => x.tenant_id,
                        principalTable: "placements",
                        principalColumn: "tenant_id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.InsertData(
                table: "audit_heads",
                columns: new[] { "id", "sequence", "sha256" },
                values: new object[] { 1, 0L, new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } });

            migrationBuilder.InsertData(
                table: "state_transitions",
                columns: new[] { "from_state", "machine", "to_state" },
                values: new object[,]
                {
                    { "Discovered", "node", "Lost" },
                    { "Discovered", "node", "PendingApproval" },
                    { "Discovered", "node", "Quarantined" },
                    { "Discovered", "node", "Retired" },
                    { "Drained", "node", "Lost" },
                    { "Drained", "node", "Quarantined" },
                    { "Drained", "node", "Ready" },
                    { "Drained", "node", "Retired" },
                    { "Draining", "node", "Drained" },
                    { "Draining", "node", "Lost" },
                    { "Draining", "node", "Quarantined" },
                    { "Draining", "node", "Ready" },
                    { "Lost", "node", "Discovered" },
                    { "Lost", "node", "Drained" },
                    { "Lost", "node", "Draining" },
                    { "Lost", "node", "Quarantined" },
                    { "Lost", "node", "Ready" },
                    { "Lost", "node", "Retired" },
                    { "PendingApproval", "node", "Lost" },
                    { "PendingApproval", "node", "Quarantined" },
                    { "PendingApproval", "node", "Ready" },
                    { "PendingApproval", "node", "Retired" },
                    { "Quarantined", "node", "Drained" },
                    { "Quarantined", "node", "Lost" },
                    { "Quarantined", "node", "PendingApproval" },
                    { "Quarantined", "node", "Retired" },
                    { "Ready", "node", "Draining" },
                    { "Ready", "node", "Lost" },
                    { "Ready", "node", "Quarantined" },
                    { "Crashed", "tenant", "Failed" },
                    { "Crashed", "tenant", "Loading" },
                    { "Crashed", "tenant", "Pending" },
                    { "Crashed", "tenant", "Stopping" },
                    { "Crashed", "tenant", "Unreachable" },
                    { "Failed", "tenant", "Pending" },
                    { "Failed", "tenant", "Stopped" },
                    { "Hung", "tenant", "Crashed" },
                    { "Hung", "tenant", "Failed" },
                    { "Hung", "tenant", "Running" },
                    { "Hung", "tenant", "Stopping" },
                    { "Hung", "tenant", "Unreachable" },
                    { "Loading", "tenant", "Crashed" },
                    { "Loading", "tenant", "Failed" },
                    { "Loading", "tenant", "Pending" },
                    { "Loading", "tenant", "Starting" },
                    { "Loading", "tenant", "Stopping" },
                    { "Loading", "tenant", "Unreachable" },
                    { "Pending", "tenant", "Failed" },
                    { "Pending", "tenant", "Placed" },
                    { "Pending", "tenant", "Stopped" },
                    { "Placed", "tenant", "Failed" },
                    { "Placed", "tenant", "Loading" },
                    { "Placed", "tenant", "Pending" },
                    { "Placed", "tenant", "Stopping" },
                    { "Placed", "tenant", "Unreachable" },
                    { "Running", "tenant", "Crashed" },
                    { "Running", "tenant", "Hung" },
                    { "Running", "tenant", "Stopping" },
                    { "Running", "tenant", "Unreachable" },
                    { "Starting", "tenant", "Crashed" },
                    { "Starting", "tenant", "Failed" },
                    { "Starting", "tenant", "Hung" },
                    { "Starting", "tenant", "Running" },
                    { "Starting", "tenant", "Stopping" },
                    { "Starting", "tenant", "Unreachable" },
                    { "Stopped", "tenant", "Pending" },
                    { "Stopping", "tenant", "Failed" },
                    { "Stopping", "tenant", "Hung" },
                    { "Stopping", "tenant", "Loading" },
                    { "Stopping", "tenant", "Pending" },
                    { "Stopping", "tenant", "Stopped" },
                    { "Stopping", "tenant", "Unreachable" },
                    { "Unreachable", "tenant", "Crashed" },
                    { "Unreachable", "tenant", "Failed" },
                    { "Unreachable", "tenant", "Hung" },
                    { "Unreachable", "tenant", "Loading" },
                    { "Unreachable", "tenant", "Pending" },
                    { "Unreachable", "tenant", "Placed" },
                    { "Unreachable", "tenant", "Running" },
                    { "Unreachable", "tenant", "Starting" },
                    { "Unreachable", "tenant", "Stopped" },
                    { "Unreachable", "tenant", "Stopping" }
                });

            migrationBuilder.CreateIndex(
                name: "ix_api_tokens_project_id",
                table: "api_tokens",
                column: "project_id");

            migrationBuilder.CreateIndex(
                name: "ix_api_tokens_token_sha256",
                table: "api_tokens",
                column: "token_sha256",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_api_tokens_user_id",
                table: "api_tokens",
                column: "user_id");

            migrationBuilder.CreateIndex(
                name: "ix_audit_entries_project_id_sequence",
                table: "audit_entries",
                columns: new[] { "project_id", "sequence" });

            migrationBuilder.CreateIndex(
                name: "ix_core_allocations_tenant_id_node_id",
                table: "core_allocations",
                columns: new[] { "tenant_id", "node_id" });

            migrationBuilder.CreateIndex(
                name: "ix_device_allocations_tenant_id_node_id",
                table: "device_allocations",
                columns: new[] { "tenant_id", "node_id" });

            migrationBuilder.CreateIndex(
                name: "ix_idempotency_keys_expires_at",
                table: "idempotency_keys",
                column: "expires_at");

            migrationBuilder.CreateIndex(
                name: "ix_images_initrd_sha256",
                table: "images",
                column: "initrd_sha256");

            migrationBuilder.CreateIndex(
                name: "ix_images_kernel_sha256",
                table: "images",
                column: "kernel_sha256");

            migrationBuilder.CreateIndex(
                name: "ix_images_project_id_name",
                table: "images",
                columns: new[] { "project_id", "name" },
                unique: true)
                .Annotation("Npgsql:NullsDistinct", false);

            migrationBuilder.CreateIndex(
                name: "ix_job_replicas_tenant_id",
                table: "job_replicas",
                column: "tenant_id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_job_schedules_next_run_at",
                table: "job_schedules",
                column: "next_run_at",
                filter: "NOT paused");

            migrationBuilder.CreateIndex(
                name: "ix_memory_allocations_node_id_block_start_address_block_size_b",
                table: "memory_allocations",
                columns: new[] { "node_id", "block_start_address", "block_size_bytes" });

            migrationBuilder.CreateIndex(
                name: "ix_node_boot_tokens_node_id",
                table: "node_boot_tokens",
                column: "node_id");

            migrationBuilder.CreateIndex(
                name: "ix_node_boots_node_id_started_at",
                table: "node_boots",
                columns: new[] { "node_id", "started_at" });

            migrationBuilder.CreateIndex(
                name: "ix_node_certificates_node_id",
                table: "node_certificates",
                column: "node_id");

            migrationBuilder.CreateIndex(
                name: "ix_node_certificates_public_key_sha256",
                table: "node_certificates",
                column: "public_key_sha256");

            migrationBuilder.CreateIndex(
                name: "ix_node_cores_node_id_cell_number",
                table: "node_cores",
                columns: new[] { "node_id", "cell_number" });

            migrationBuilder.CreateIndex(
                name: "ix_node_devices_node_id_cell_number",
                table: "node_devices",
                columns: new[] { "node_id", "cell_number" });

            migrationBuilder.CreateIndex(
                name: "ix_node_lifecycles_deadline_at",
                table: "node_lifecycles",
                column: "deadline_at",
                filter: "deadline_at IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_node_lifecycles_due_at",
                table: "node_lifecycles",
                column: "due_at",
                filter: "due_at IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_node_lifecycles_state",
                table: "node_lifecycles",
                column: "state");

            migrationBuilder.CreateIndex(
                name: "ix_node_memory_blocks_node_id_cell_number",
                table: "node_memory_blocks",
                columns: new[] { "node_id", "cell_number" });

            migrationBuilder.CreateIndex(
                name: "ix_nodes_boot_mac",
                table: "nodes",
                column: "boot_mac",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_nodes_name",
                table: "nodes",
                column: "name",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_nodes_serial_number",
                table: "nodes",
                column: "serial_number",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_placement_explanations_job_id",
                table: "placement_explanations",
                column: "job_id");

            migrationBuilder.CreateIndex(
                name: "ix_placement_explanations_tenant_id_id",
                table: "placement_explanations",
                columns: new[] { "tenant_id", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_placement_group_claims_group_id_rule",
                table: "placement_group_claims",
                columns: new[] { "group_id", "rule" });

            migrationBuilder.CreateIndex(
                name: "ix_placement_group_claims_tenant_id",
                table: "placement_group_claims",
                column: "tenant_id");

            migrationBuilder.CreateIndex(
                name: "ux_placement_group_claims_apart",
                table: "placement_group_claims",
                columns: new[] { "group_id", "domain" },
                unique: true,
                filter: "rule = 'AntiAffinity'");

            migrationBuilder.CreateIndex(
                name: "ix_placement_group_members_tenant_id",
                table: "placement_group_members",
                column: "tenant_id");

            migrationBuilder.CreateIndex(
                name: "ix_placement_groups_project_id_name",
                table: "placement_groups",
                columns: new[] { "project_id", "name" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_placement_jobs_project_id_name",
                table: "placement_jobs",
                columns: new[] { "project_id", "name" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_placements_node_id",
                table: "placements",
                column: "node_id");

            migrationBuilder.CreateIndex(
                name: "ix_project_members_user_id",
                table: "project_members",
                column: "user_id");

            migrationBuilder.CreateIndex(
                name: "ix_projects_name",
                table: "projects",
                column: "name",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_tenant_lifecycles_deadline_at",
                table: "tenant_lifecycles",
                column: "deadline_at",
                filter: "deadline_at IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_tenant_lifecycles_due_at",
                table: "tenant_lifecycles",
                column: "due_at",
                filter: "due_at IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_tenant_lifecycles_state",
                table: "tenant_lifecycles",
                column: "state");

            migrationBuilder.CreateIndex(
                name: "ix_tenant_observed_node_id",
                table: "tenant_observed",
                column: "node_id");

            migrationBuilder.CreateIndex(
                name: "ix_tenants_image_id",
                table: "tenants",
                column: "image_id");

            migrationBuilder.CreateIndex(
                name: "ix_tenants_project_id_name",
                table: "tenants",
                columns: new[] { "project_id", "name" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_user_claims_user_id",
                table: "user_claims",
                column: "user_id");

            migrationBuilder.CreateIndex(
                name: "ix_user_logins_user_id",
                table: "user_logins",
                column: "user_id");

            migrationBuilder.CreateIndex(
                name: "ix_users_normalized_email",
                table: "users",
                column: "normalized_email");

            migrationBuilder.CreateIndex(
                name: "ix_users_normalized_user_name",
                table: "users",
                column: "normalized_user_name",
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "api_tokens");

            migrationBuilder.DropTable(
                name: "audit_entries");

            migrationBuilder.DropTable(
                name: "audit_heads");

            migrationBuilder.DropTable(
                name: "content_chunks");

            migrationBuilder.DropTable(
                name: "core_allocations");

            migrationBuilder.DropTable(
                name: "device_allocations");

            migrationBuilder.DropTable(
                name: "idempotency_keys");

            migrationBuilder.DropTable(
                name: "job_replicas");

            migrationBuilder.DropTable(
                name: "job_schedules");

            migrationBuilder.DropTable(
                name: "leases");

            migrationBuilder.DropTable(
                name: "memory_allocations");

            migrationBuilder.DropTable(
                name: "node_boot_steps");

            migrationBuilder.DropTable(
                name: "node_boot_tokens");

            migrationBuilder.DropTable(
                name: "node_certificates");

            migrationBuilder.DropTable(
                name: "node_desired");

            migrationBuilder.DropTable(
                name: "node_health_reports");

            migrationBuilder.DropTable(
                name: "node_heartbeats");

            migrationBuilder.DropTable(
                name: "node_lifecycles");

            migrationBuilder.DropTable(
                name: "node_transitions");

            migrationBuilder.DropTable(
                name: "outbox_messages");

            migrationBuilder.DropTable(
                name: "placement_explanations");

            migrationBuilder.DropTable(
                name: "placement_group_claims");

            migrationBuilder.DropTable(
                name: "project_members");

            migrationBuilder.DropTable(
                name: "project_quotas");

            migrationBuilder.DropTable(
                name: "project_usages");

            migrationBuilder.DropTable(
                name: "state_transitions");

            migrationBuilder.DropTable(
                name: "tenant_desired");

            migrationBuilder.DropTable(
                name: "tenant_health_reports");

            migrationBuilder.DropTable(
                name: "tenant_lifecycles");

            migrationBuilder.DropTable(
                name: "tenant_observed");

            migrationBuilder.DropTable(
                name: "tenant_transitions");

            migrationBuilder.DropTable(
                name: "user_claims");

            migrationBuilder.DropTable(
                name: "user_logins");

            migrationBuilder.DropTable(
                name: "user_tokens");

            migrationBuilder.DropTable(
                name: "node_cores");

            migrationBuilder.DropTable(
                name: "node_devices");

            migrationBuilder.DropTable(
                name: "node_memory_blocks");

            migrationBuilder.DropTable(
                name: "node_boots");

            migrationBuilder.DropTable(
                name: "placement_jobs");

            migrationBuilder.DropTable(
                name: "placement_group_members");

            migrationBuilder.DropTable(
                name: "placements");

            migrationBuilder.DropTable(
                name: "users");

            migrationBuilder.DropTable(
                name: "node_cells");

            migrationBuilder.DropTable(
                name: "placement_groups");

            migrationBuilder.DropTable(
                name: "tenants");

            migrationBuilder.DropTable(
                name: "nodes");

            migrationBuilder.DropTable(
                name: "images");

            migrationBuilder.DropTable(
                name: "contents");

            migrationBuilder.DropTable(
                name: "projects");

            migrationBuilder.DropSequence(
                name: "placement_fence");
        }
    }
}
