namespace Osv.Data.Placements;

/// <summary>What the commit path has done so far. Safe to use from several threads.</summary>
public sealed class CommitCounters
{
    private readonly long[] _conflicts = new long[Enum.GetValues<CommitConflict>().Length];
    private long _committed, _transactions, _retries;

    /// <summary>Placements.</summary>
    public long Committed => Interlocked.Read(ref _committed);

    /// <summary>Transactions that committed at least one placement.</summary>
    public long Transactions => Interlocked.Read(ref _transactions);

    /// <summary>Transactions done again after a deadlock or a constraint.</summary>
    public long Retries => Interlocked.Read(ref _retries);

    /// <summary>Refused plans, by reason.</summary>
    public IReadOnlyDictionary<CommitConflict, long> Conflicts => Enum.GetValues<CommitConflict>().ToDictionary(conflict => conflict, conflict => Interlocked.Read(ref _conflicts[(int)conflict]));

    internal void Count(CommitOutcome outcome)
    {
        if (outcome is Refused refused) Interlocked.Increment(ref _conflicts[(int)refused.Conflict]);
    }

    internal void CountTransaction(int placements)
    {
        Interlocked.Increment(ref _transactions);
        Interlocked.Add(ref _committed, placements);
    }

    internal void CountRetry() => Interlocked.Increment(ref _retries);
}
