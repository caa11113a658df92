using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Osv.Data.Projects;
using Osv.Database.Testing;

namespace Osv.Data.Tests;

/// <summary>Migrations, and the rules that every table keeps.</summary>
public sealed partial class SchemaTests(ClusterFixture cluster, DatabaseFixture fixture) : IClassFixture<DatabaseFixture>
{
    private const string OurTables = "SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'migrations'";

    [Fact]
    public async Task The_migrations_hold_the_whole_model()
    {
        await using OsvDbContext context = fixture.Database.CreateContext();
        context.Database.HasPendingModelChanges().ShouldBeFalse("the model was changed: add a migration, see db/README.md");
    }

    [Fact]
    public async Task Many_processes_may_migrate_at_once()
    {
        await using TestDatabase empty = await cluster.Cluster.CreateEmptyDatabaseAsync(TestContext.Current.CancellationToken);
        IReadOnlyList<string>[] applied = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => DatabaseMigrator.MigrateAsync(empty.Source, TestContext.Current.CancellationToken)));
        await using OsvDbContext context = empty.CreateContext();
        applied.Where(list => list.Count > 0).ShouldHaveSingleItem().ShouldBe(context.Database.GetMigrations());
        (await DatabaseMigrator.MigrateAsync(empty.Source, TestContext.Current.CancellationToken)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_database_that_is_newer_than_the_code_is_refused()
    {
        await using TestDatabase newer = await cluster.Cluster.CreateDatabaseAsync(TestContext.Current.CancellationToken);
        await newer.ExecuteAsync("INSERT INTO migrations (migration_id, product_version) VALUES ('99990101000000_FromTheFuture', '99')");
        var refused = await Should.ThrowAsync<InvalidOperationException>(() => DatabaseMigrator.MigrateAsync(newer.Source, TestContext.Current.CancellationToken));
        refused.Message.ShouldContain("99990101000000_FromTheFuture");
    }

    [Fact]
    public async Task Tables_mapped_by_hand_agree_with_the_model()
    {
        await using OsvDbContext context = fixture.Database.CreateContext();
        foreach (var entity in context.Model.GetEntityTypes())
        {
            IEnumerable<string> columns = entity.GetProperties().Select(property => $"{property.GetColumnName()} {property.GetColumnType()}");
            string table = entity.GetTableName() ?? entity.GetViewName()!;
            (await fixture.Database.ListAsync<string>(
                "SELECT attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = $1::regclass AND (attnum > 0 OR attname = 'xmin' AND $2) AND NOT attisdropped",
                table, columns.Contains("xmin xid"))).ShouldBe(columns, ignoreOrder: true, table);
        }
    }

    [Fact]
    public async Task All_times_are_timestamps_with_time_zone()
    {
        (await fixture.Database.ListAsync<string>(
            $"SELECT a.attrelid::regclass || '.' || attname FROM pg_attribute a WHERE attrelid IN ({OurTables}) AND attnum > 0 AND atttypid IN ('timestamp'::regtype, 'date'::regtype, 'time'::regtype, 'timetz'::regtype)")).ShouldBeEmpty();
        (await fixture.Database.ListAsync<string>($"SELECT attname::text FROM pg_attribute WHERE attrelid IN ({OurTables}) AND attnum > 0 AND atttypid = 'timestamptz'::regtype"))
            .ShouldAllBe(name => TimeName().IsMatch(name));
    }

    [Fact]
    public async Task All_names_are_in_snake_case() =>
        (await fixture.Database.ListAsync<string>(
            $"""
            SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
            UNION SELECT attname FROM pg_attribute WHERE attrelid IN ({OurTables}) AND attnum > 0
            UNION SELECT conname FROM pg_constraint WHERE conrelid IN ({OurTables})
            """)).ShouldAllBe(name => SnakeCase().IsMatch(name));

    [Fact]
    public async Task All_numbers_of_bytes_say_so() =>
        (await fixture.Database.ListAsync<string>(
            $"SELECT attname::text FROM pg_attribute WHERE attrelid IN ({OurTables}) AND attnum > 0 AND atttypid = 'bigint'::regtype AND (attname LIKE '%memory%' OR attname LIKE '%size%' OR attname LIKE '%capacity%')"))
            .ShouldAllBe(name => name.EndsWith("_bytes", StringComparison.Ordinal));

    [Fact]
    public async Task Every_enum_is_text_with_a_check()
    {
        await using OsvDbContext context = fixture.Database.CreateContext();
        int enums = 0;
        foreach (var entity in context.Model.GetEntityTypes())
        {
            foreach (var property in entity.GetProperties())
            {
                Type type = Nullable.GetUnderlyingType(property.ClrType) ?? property.ClrType;
                if (!type.IsEnum) continue;
                enums++;
                string check = await fixture.Database.QueryAsync<string>("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conname = $1", $"ck_{entity.GetTableName()}_{property.GetColumnName()}");
                foreach (string name in Enum.GetNames(type)) check.ShouldContain($"'{name}'");
            }
        }
        enums.ShouldBeGreaterThan(15);
    }

    /// <summary>A column that names a row of another table has a foreign key. The audit log's does not: its entries outlive what they tell of.</summary>
    [Fact]
    public async Task Every_id_of_another_row_has_a_foreign_key() =>
        // What is audited, and whose data may be on a disk, outlive their rows.
        (await fixture.Database.ListAsync<string>(
            $"""
            SELECT a.attrelid::regclass || '.' || a.attname FROM pg_attribute a
            WHERE a.attrelid IN ({OurTables}) AND a.attnum > 0 AND a.atttypid = 'uuid'::regtype AND a.attname LIKE '%\_id'
              AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey))
            ORDER BY 1
            """)).ShouldBe(["audit_entries.project_id", "node_devices.last_tenant_id", "outbox_messages.message_id"]);

    [Fact]
    public async Task An_update_of_a_stale_copy_fails()
    {
        Guid project = await fixture.Seed.ProjectAsync("stale");
        await using OsvDbContext one = fixture.Database.CreateContext(), other = fixture.Database.CreateContext();
        one.Projects.Single(row => row.Id == project).Name = "first";
        other.Projects.Single(row => row.Id == project).Name = "second";
        await one.SaveChangesAsync(TestContext.Current.CancellationToken);
        await Should.ThrowAsync<DbUpdateConcurrencyException>(() => other.SaveChangesAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_host_gets_contexts_from_its_services()
    {
        ServiceProvider services = new ServiceCollection().AddOsvData(cluster.Cluster.Cluster.ConnectionString(fixture.Database.Name)).BuildServiceProvider();
        await using (services)
        {
            Guid id = await fixture.Seed.ProjectAsync("hosted");
            await using OsvDbContext made = await services.GetRequiredService<IDbContextFactory<OsvDbContext>>().CreateDbContextAsync(TestContext.Current.CancellationToken);
            made.Projects.Single(project => project.Id == id).Name.ShouldBe("hosted");
            await using AsyncServiceScope scope = services.CreateAsyncScope();
            Project project = new() { Id = Guid.NewGuid(), Name = "scoped", CreatedAt = DateTimeOffset.UnixEpoch };
            OsvDbContext scoped = scope.ServiceProvider.GetRequiredService<OsvDbContext>();
            scoped.Add(project);
            await scoped.SaveChangesAsync(TestContext.Current.CancellationToken);
            made.Projects.Count(row => row.Name == "scoped").ShouldBe(1);
        }
    }

    [GeneratedRegex("^[a-z][a-z0-9_]*$")]
    private static partial Regex SnakeCase();

    [GeneratedRegex("(^at|_at|_until|^lockout_end)$")]
    private static partial Regex TimeName();
}
