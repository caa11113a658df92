using Osv.Data.Access;

namespace Osv.Data.Tests;

/// <summary>The audit log: a chain that cannot fork, and that shows every tampering.</summary>
public sealed class AuditTests(ClusterFixture cluster) : IAsyncLifetime
{
    private static readonly DateTimeOffset Noon = new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero).AddTicks(7);

    private Database.Testing.TestDatabase? _database;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Database.Testing.TestDatabase Database => _database!;

    public async ValueTask InitializeAsync() => _database = await cluster.Cluster.CreateDatabaseAsync(CancellationToken.None);

    public ValueTask DisposeAsync() => Database.DisposeAsync();

    [Fact]
    public async Task Entries_of_racing_writers_form_one_chain()
    {
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => AppendAsync($"act {i}")));
        AuditVerification verified = await VerifyAsync();
        verified.Fault.ShouldBeNull();
        verified.Entries.ShouldBe(20);
        verified.Head.ShouldBe(await Database.QueryAsync<byte[]>("SELECT sha256 FROM audit_entries WHERE sequence = 20"));
    }

    [Fact]
    public async Task An_entry_is_written_only_with_the_act()
    {
        await using OsvDbContext context = Database.CreateContext();
        await Should.ThrowAsync<InvalidOperationException>(() => AuditLog.AppendAsync(context, Act("no transaction"), Noon, Cancel));
        await using (var transaction = await context.Database.BeginTransactionAsync(Cancel))
        {
            await AuditLog.AppendAsync(context, Act("undone"), Noon, Cancel);
            await transaction.RollbackAsync(Cancel);
        }
        await AppendAsync("done");
        (await VerifyAsync()).ShouldSatisfyAllConditions(result => result.Fault.ShouldBeNull(), result => result.Entries.ShouldBe(1));
    }

    [Theory]
    [InlineData("UPDATE audit_entries SET actor = 'someone else' WHERE sequence = 2")]
    [InlineData("DELETE FROM audit_entries WHERE sequence = 2")]
    [InlineData("TRUNCATE audit_entries")]
    public async Task The_log_only_grows(string sql)
    {
        await AppendThreeAsync();
        (await BuggyScheduler.RefusalAsync(() => Database.ExecuteAsync(sql))).ShouldBe("row_never_changes");
    }

    [Fact]
    public async Task An_entry_that_does_not_follow_the_last_is_refused()
    {
        await AppendThreeAsync();
        (await BuggyScheduler.RefusalAsync(() => Database.ExecuteAsync(
            "INSERT INTO audit_entries SELECT 4, at, actor, action, subject, project_id, detail, previous_sha256, sha256 FROM audit_entries WHERE sequence = 3"))).ShouldBe("audit_chain");
    }

    [Theory]
    [InlineData("UPDATE audit_entries SET actor = 'someone else' WHERE sequence = 2", 1, "entry 2 was changed")]
    [InlineData("UPDATE audit_entries SET detail = '{\"n\": 1}' WHERE sequence = 2", 1, "entry 2 was changed")]
    [InlineData("UPDATE audit_entries SET at = at + interval '1 microsecond' WHERE sequence = 3", 2, "entry 3 was changed")]
    [InlineData("DELETE FROM audit_entries WHERE sequence = 2", 1, "entry 2 is missing")]
    [InlineData("DELETE FROM audit_entries WHERE sequence = 3", 2, "the chain ends at entry 2, its head says 3")]
    [InlineData("UPDATE audit_entries SET previous_sha256 = sha256('x') WHERE sequence = 3", 2, "entry 3 does not follow entry 2")]
    public async Task What_an_owner_of_the_tables_changes_is_found(string tampering, long good, string fault)
    {
        await AppendThreeAsync();
        await Database.ExecuteAsync("ALTER TABLE audit_entries DISABLE TRIGGER USER");
        await Database.ExecuteAsync(tampering);
        (await VerifyAsync()).ShouldSatisfyAllConditions(result => result.Fault.ShouldBe(fault), result => result.Entries.ShouldBe(good));
    }

    private static AuditAct Act(string action) => new("alice", action, "tenant/web", null, """{"n":1}""");

    private async Task AppendThreeAsync()
    {
        for (int i = 1; i <= 3; i++) await AppendAsync($"act {i}");
    }

    private async Task AppendAsync(string action)
    {
        await using OsvDbContext context = Database.CreateContext();
        await using var transaction = await context.Database.BeginTransactionAsync(Cancel);
        await AuditLog.AppendAsync(context, Act(action), Noon, Cancel);
        await transaction.CommitAsync(Cancel);
    }

    private async Task<AuditVerification> VerifyAsync()
    {
        await using OsvDbContext context = Database.CreateContext();
        return await AuditLog.VerifyAsync(context, Cancel);
    }
}
