using Osv.Data.Tenants;

namespace Osv.Web.Gateway;

/// <summary>What one session's reports said of a node's tenants so far; lets only what changed be written. Not thread-safe.</summary>
internal sealed class TenantMemory
{
    /// <summary>The end of a console comes after its tenant has left: for so long it is still taken.</summary>
    private static readonly TimeSpan Leaving = TimeSpan.FromMinutes(5);

    private readonly Dictionary<Guid, Remembered> _tenants = [];

    /// <summary>One tenant.</summary>
    public sealed class Remembered
    {
        public DateTimeOffset PlacedUntil { get; set; }

        public long Fence { get; set; }

        public PartitionPhase? Phase { get; set; }

        public DateTimeOffset PhaseSince { get; set; }

        /// <summary>What stands still; empty: nothing; null: not looked at yet.</summary>
        public string? Hung { get; set; }

        /// <summary>The last reading of the exit counters that was stored.</summary>
        public (DateTimeOffset At, long Total)? Exits { get; set; }

        public bool ExitStorm { get; set; }

        /// <summary>The end of the last stretch of console, in case a word is cut in two.</summary>
        public string ConsoleTail { get; set; } = "";
    }

    public Remembered Of(Guid tenant)
    {
        if (!_tenants.TryGetValue(tenant, out Remembered? remembered)) _tenants[tenant] = remembered = new Remembered();
        return remembered;
    }

    /// <summary>These have a place on the node now.</summary>
    public void Placed(IEnumerable<Guid> tenants, DateTimeOffset now)
    {
        foreach (Guid tenant in tenants) Of(tenant).PlacedUntil = now + Leaving;
        foreach (Guid gone in _tenants.Where(entry => entry.Value.PlacedUntil < now).Select(entry => entry.Key).ToList()) _tenants.Remove(gone);
    }

    /// <summary>True where the node may speak of the tenant: it has a place there, or had one a moment ago.</summary>
    public bool Knows(Guid tenant, DateTimeOffset now) => _tenants.TryGetValue(tenant, out Remembered? remembered) && remembered.PlacedUntil >= now;
}
