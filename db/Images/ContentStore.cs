using System.Security.Cryptography;
using Npgsql;

namespace Osv.Data.Images;

/// <summary>Kernels and initial RAM disks, kept in the database in chunks and named by their hash, so that every replica and every backup has them.</summary>
public static class ContentStore
{
    /// <summary>Size of all chunks but the last.</summary>
    public const int ChunkBytes = 1 << 20;

    /// <summary>Stores what a stream gives; the stream is read once, from its position to its end, through a temporary file.</summary>
    /// <returns>The stored content; its hash is the name.</returns>
    public static async Task<Content> AddAsync(NpgsqlDataSource source, Stream stream, TimeProvider time, CancellationToken cancel)
    {
        var spool = new FileStream(Path.GetTempFileName(), FileMode.Open, FileAccess.ReadWrite, FileShare.None, ChunkBytes, FileOptions.DeleteOnClose | FileOptions.Asynchronous);
        await using (spool)
        {
            byte[] sha256 = await CopyAsync(stream, spool, cancel);
            var content = new Content { Sha256 = sha256, SizeBytes = spool.Length, StoredAt = time.GetUtcNow() };
            await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancel);
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancel);
            await using var row = new NpgsqlCommand("INSERT INTO contents (sha256, size_bytes, stored_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", connection);
            row.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = sha256 });
            row.Parameters.Add(new NpgsqlParameter<long> { TypedValue = content.SizeBytes });
            row.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = content.StoredAt.UtcDateTime });
            if (await row.ExecuteNonQueryAsync(cancel) == 0) return content;
            spool.Position = 0;
            await using (NpgsqlBinaryImporter import = await connection.BeginBinaryImportAsync("COPY content_chunks (sha256, ordinal, bytes) FROM STDIN (FORMAT binary)", cancel))
            {
                byte[] buffer = new byte[ChunkBytes];
                for (int ordinal = 0; await spool.ReadAtLeastAsync(buffer, ChunkBytes, throwOnEndOfStream: false, cancel) is > 0 and int read; ordinal++)
                {
                    await import.StartRowAsync(cancel);
                    await import.WriteAsync(sha256, cancel);
                    await import.WriteAsync(ordinal, cancel);
                    await import.WriteAsync(buffer[..read], cancel);
                }
                await import.CompleteAsync(cancel);
            }
            await transaction.CommitAsync(cancel);
            return content;
        }
    }

    /// <summary>Writes a content to a stream and checks it against its name on the way.</summary>
    /// <exception cref="InvalidDataException">The database does not hold it, or not unharmed.</exception>
    public static async Task CopyToAsync(NpgsqlDataSource source, byte[] sha256, Stream target, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand("SELECT bytes FROM content_chunks WHERE sha256 = $1 ORDER BY ordinal");
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = sha256 });
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            byte[] chunk = reader.GetFieldValue<byte[]>(0);
            hash.AppendData(chunk);
            await target.WriteAsync(chunk, cancel);
        }
        if (!hash.GetHashAndReset().AsSpan().SequenceEqual(sha256))
        {
            throw new InvalidDataException($"content {Convert.ToHexStringLower(sha256)} is missing or damaged in the database: add the image again");
        }
    }

    /// <summary>Size of a content.</summary>
    /// <returns>Null: the database does not hold it.</returns>
    public static async Task<long?> SizeAsync(NpgsqlDataSource source, byte[] sha256, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand("SELECT size_bytes FROM contents WHERE sha256 = $1");
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = sha256 });
        return (long?)await command.ExecuteScalarAsync(cancel);
    }

    /// <summary>Writes a stretch of a content to a stream. A part cannot be checked: whoever puts it together does that.</summary>
    /// <param name="source">The database.</param>
    /// <param name="sha256">Names the content.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="target">Where it goes.</param>
    /// <param name="cancel">Ends it half-way.</param>
    /// <exception cref="InvalidDataException">The database holds less than that.</exception>
    public static async Task CopyPartAsync(NpgsqlDataSource source, byte[] sha256, long offset, long length, Stream target, CancellationToken cancel)
    {
        // Chunk by chunk, so that a slow reader holds no connection while it reads.
        for (long at = offset; at < offset + length;)
        {
            int ordinal = (int)(at / ChunkBytes), skip = (int)(at % ChunkBytes);
            await using NpgsqlCommand command = source.CreateCommand("SELECT bytes FROM content_chunks WHERE sha256 = $1 AND ordinal = $2");
            command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = sha256 });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = ordinal });
            if (await command.ExecuteScalarAsync(cancel) is not byte[] chunk || chunk.Length <= skip) throw new InvalidDataException($"content {Convert.ToHexStringLower(sha256)} is damaged in the database: chunk {ordinal} is missing or short");
            int count = (int)Math.Min(chunk.Length - skip, offset + length - at);
            await target.WriteAsync(chunk.AsMemory(skip, count), cancel);
            at += count;
        }
    }

    private static async Task<byte[]> CopyAsync(Stream from, Stream to, CancellationToken cancel)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[ChunkBytes];
        while (await from.ReadAsync(buffer, cancel) is > 0 and int read)
        {
            hash.AppendData(buffer, 0, read);
            await to.WriteAsync(buffer.AsMemory(0, read), cancel);
        }
        return hash.GetHashAndReset();
    }
}
