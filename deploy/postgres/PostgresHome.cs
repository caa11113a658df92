using System.Security.Cryptography;
using System.Text;

namespace Osv.Postgres;

/// <summary>Where the cluster of a cloud lives.</summary>
public static class PostgresHome
{
    /// <summary>Name of the database that holds the control plane's state.</summary>
    public const string Database = "osv";

    /// <summary>
    /// Below the cloud's own folder; but where that is closed to others, as in root's own home, below /var/lib/osv, because
    /// PostgreSQL then runs as another user.
    /// </summary>
    /// <param name="home">The cloud's folder; it need not exist yet.</param>
    public static async Task<string> FolderAsync(string home, CancellationToken cancel)
    {
        string full = Path.GetFullPath(home), inside = Path.Combine(full, "postgres"), there = full;
        while (!Directory.Exists(there)) there = Path.GetDirectoryName(there)!;
        if (PostgresCluster.Exists(inside) || await PostgresFolder.IsOpenToOwnerAsync(PostgresPrograms.Find(), there, cancel)) return inside;
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(full)))[..16];
        return Path.Combine("/var/lib/osv", hash, "postgres");
    }
}
