using System.Security.Cryptography;
using Osv.Data.Images;

namespace Osv.Data.Tests;

/// <summary>Contents of images: named by hash, stored once, checked when read.</summary>
public sealed class ContentStoreTests(DatabaseFixture fixture) : IClassFixture<DatabaseFixture>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(ContentStore.ChunkBytes)]
    [InlineData((2 * ContentStore.ChunkBytes) + 12345)]
    public async Task What_was_stored_comes_back_under_its_hash(int size)
    {
        byte[] bytes = new byte[size];
        new Random(size).NextBytes(bytes);
        Content content = await ContentStore.AddAsync(fixture.Database.Source, new MemoryStream(bytes), TimeProvider.System, Cancel);
        content.Sha256.ShouldBe(SHA256.HashData(bytes));
        content.SizeBytes.ShouldBe(size);
        using var read = new MemoryStream();
        await ContentStore.CopyToAsync(fixture.Database.Source, content.Sha256, read, Cancel);
        read.ToArray().ShouldBe(bytes);
    }

    [Fact]
    public async Task The_same_bytes_are_stored_once()
    {
        byte[] bytes = [1, 2, 3];
        for (int i = 0; i < 2; i++) await ContentStore.AddAsync(fixture.Database.Source, new MemoryStream(bytes), TimeProvider.System, Cancel);
        (await fixture.Database.QueryAsync<long>("SELECT count(*) FROM content_chunks WHERE sha256 = $1", SHA256.HashData(bytes))).ShouldBe(1);
    }

    [Fact]
    public async Task Damaged_or_missing_content_is_not_handed_out()
    {
        Content content = await ContentStore.AddAsync(fixture.Database.Source, new MemoryStream([9, 9, 9]), TimeProvider.System, Cancel);
        await fixture.Database.ExecuteAsync("UPDATE content_chunks SET bytes = '\\x090908' WHERE sha256 = $1", content.Sha256);
        (await Should.ThrowAsync<InvalidDataException>(() => ContentStore.CopyToAsync(fixture.Database.Source, content.Sha256, Stream.Null, Cancel))).Message.ShouldContain(Convert.ToHexStringLower(content.Sha256));
        await Should.ThrowAsync<InvalidDataException>(() => ContentStore.CopyToAsync(fixture.Database.Source, new byte[32], Stream.Null, Cancel));
    }
}
