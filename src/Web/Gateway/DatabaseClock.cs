using Npgsql;

namespace Osv.Web.Gateway;

/// <summary>The clock of the database, which leases and lifecycles run by, as this process estimates it. It lags by at most the time of a query. Thread-safe.</summary>
internal sealed class DatabaseClock(NpgsqlDataSource source, TimeProvider time)
{
    private static readonly TimeSpan GoodFor = TimeSpan.FromMinutes(1);

    private sealed record Pair(DateTimeOffset At, long Stamp);

    private Pair? _pair;

    /// <summary>Good once it was synchronized.</summary>
    public DateTimeOffset Now => _pair is { } pair ? pair.At + time.GetElapsedTime(pair.Stamp) : time.GetUtcNow();

    /// <summary>A moment, for <see cref="Since"/>; by a clock that never jumps.</summary>
    public long Stamp => time.GetTimestamp();

    public TimeSpan Since(long stamp) => time.GetElapsedTime(stamp);

    /// <summary>Asks the database, if that was long ago.</summary>
    public async Task SynchronizeAsync(CancellationToken cancel)
    {
        if (_pair is { } known && time.GetElapsedTime(known.Stamp) < GoodFor) return;
        await using NpgsqlCommand command = source.CreateCommand("SELECT clock_timestamp()");
        var at = new DateTimeOffset((DateTime)(await command.ExecuteScalarAsync(cancel))!, TimeSpan.Zero);
        _pair = new Pair(at, time.GetTimestamp());
    }
}
