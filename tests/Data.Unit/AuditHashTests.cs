using Osv.Data.Access;

namespace Osv.Data.UnitTests;

public sealed class AuditHashTests
{
    private static readonly DateTimeOffset At = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Every_field_counts()
    {
        byte[][] hashes =
        [
            AuditHash.Of(Entry()),
            AuditHash.Of(Entry(sequence: 2)),
            AuditHash.Of(Entry(at: At.AddMicroseconds(1))),
            AuditHash.Of(Entry(actor: "bob")),
            AuditHash.Of(Entry(action: "stop")),
            AuditHash.Of(Entry(subject: "db")),
            AuditHash.Of(Entry(project: Guid.Empty)),
            AuditHash.Of(Entry(detail: "{ }")),
            AuditHash.Of(Entry(previous: 1)),
        ];
        hashes.Select(Convert.ToHexString).ShouldBeUnique();
    }

    [Fact]
    public void Text_cannot_move_from_one_field_to_the_next() => AuditHash.Of(Entry(actor: "ab", action: "c")).ShouldNotBe(AuditHash.Of(Entry(actor: "a", action: "bc")));

    [Fact]
    public void The_zone_of_the_time_and_what_the_database_drops_do_not_count() => AuditHash.Of(Entry(at: At.ToOffset(TimeSpan.FromHours(5)).AddTicks(3))).ShouldBe(AuditHash.Of(Entry()));

    private static AuditEntry Entry(long sequence = 1, DateTimeOffset? at = null, string actor = "alice", string action = "start", string subject = "web", Guid? project = null, string detail = "{}", byte previous = 0) => new()
    {
        Sequence = sequence,
        At = at ?? At,
        Actor = actor,
        Action = action,
        Subject = subject,
        ProjectId = project,
        Detail = detail,
        PreviousSha256 = [.. Enumerable.Repeat(previous, 32)],
        Sha256 = [],
    };
}
