using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Npgsql;

namespace Osv.Web.Gateway;

/// <summary>
/// Keeps the authority in the database, so that all replicas certify alike and a backup has it; its private key is protected with the key ring
/// (Osv:KeyFolder), which is not in the database.
/// </summary>
internal sealed class AuthorityStore(NpgsqlDataSource source, IDataProtectionProvider protection, TimeProvider time) : IDisposable
{
    private const string Name = "nodes";

    private readonly SemaphoreSlim _loading = new(1);
    private NodeAuthority? _authority;

    /// <summary>The authority; made when there is none yet.</summary>
    /// <exception cref="InvalidOperationException">The key ring is not the one that the key was protected with.</exception>
    public async ValueTask<NodeAuthority> GetAsync(CancellationToken cancel)
    {
        if (_authority is { } known) return known;
        await _loading.WaitAsync(cancel);
        try
        {
            return _authority ??= await LoadAsync(cancel);
        }
        finally
        {
            _loading.Release();
        }
    }

    private async Task<NodeAuthority> LoadAsync(CancellationToken cancel)
    {
        IDataProtector protector = protection.CreateProtector("Osv.NodeAuthority");
        if (await ReadAsync(cancel) is not { } row)
        {
            (byte[] root, byte[] key) = NodeAuthority.Create(time.GetUtcNow());
            await using NpgsqlCommand insert = source.CreateCommand("INSERT INTO certificate_authorities (name, certificate, protected_key, created_at) VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT DO NOTHING");
            insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Name });
            insert.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = root });
            insert.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = protector.Protect(key) });
            await insert.ExecuteNonQueryAsync(cancel);
            // Another replica may have been first: its authority is the one.
            row = await ReadAsync(cancel) ?? throw new InvalidOperationException("the certificate authority vanished from the database while it was made");
        }
        try
        {
            return new NodeAuthority(row.Certificate, protector.Unprotect(row.Key));
        }
        catch (CryptographicException error)
        {
            throw new InvalidOperationException(
                "the key of the node authority in the database was protected with another key ring: set Osv:KeyFolder to the folder that it was made with, or delete the row of certificate_authorities and boot all nodes anew", error);
        }
    }

    private async Task<(byte[] Certificate, byte[] Key)?> ReadAsync(CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand("SELECT certificate, protected_key FROM certificate_authorities WHERE name = $1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Name });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        return await row.ReadAsync(cancel) ? (row.GetFieldValue<byte[]>(0), row.GetFieldValue<byte[]>(1)) : null;
    }

    public void Dispose()
    {
        _authority?.Dispose();
        _loading.Dispose();
    }
}
