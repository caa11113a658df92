using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Osv.Data.Access;

/// <summary>The hash that chains the audit log. Every field is preceded by its length, so that no two entries have the same bytes.</summary>
public static class AuditHash
{
    /// <summary>SHA-256 over the previous hash and all other fields of the entry; 32 bytes.</summary>
    public static byte[] Of(AuditEntry entry)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(entry.PreviousSha256);
        Number(hash, entry.Sequence);
        Number(hash, Microseconds(entry.At));
        Text(hash, entry.Actor);
        Text(hash, entry.Action);
        Text(hash, entry.Subject);
        Text(hash, entry.ProjectId?.ToString() ?? "");
        Text(hash, entry.Detail);
        return hash.GetHashAndReset();
    }

    /// <summary>The time as exactly as the database keeps it.</summary>
    public static DateTimeOffset Stored(DateTimeOffset at) => DateTimeOffset.UnixEpoch.AddMicroseconds(Microseconds(at));

    private static long Microseconds(DateTimeOffset at) => (at.UtcDateTime - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    private static void Number(IncrementalHash hash, long value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        hash.AppendData(bytes);
    }

    private static void Text(IncrementalHash hash, string value)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        Number(hash, bytes.Length);
        hash.AppendData(bytes);
    }
}
