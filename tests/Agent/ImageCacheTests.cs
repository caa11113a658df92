using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Google.Protobuf;
using Osv.Agent.Images;
using Osv.Agent.Node;
using Osv.Contracts.Node;
using Osv.ControlPlaneDouble;

namespace Osv.Agent.Tests;

public sealed class ImageCacheTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("osv-cache").FullName;
    private readonly HttpClient _http = new();
    private readonly byte[] _content = RandomNumberGenerator.GetBytes(300_000);
    private ControlPlane _plane = null!;
    private ImageCache _cache = null!;

    public async ValueTask InitializeAsync()
    {
        _plane = await ControlPlane.StartAsync();
        _cache = NewCache(1 << 20);
    }

    private ImageCache NewCache(long capacity, TimeProvider? time = null) => new(_folder, _http, time ?? TimeProvider.System, new AgentLog(TimeProvider.System, TextWriter.Null), capacity);

    public async ValueTask DisposeAsync()
    {
        _cache.Dispose();
        _http.Dispose();
        await _plane.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>What a new agent finds in its cache is memory for images: its limit is that of the agent before.</summary>
    [Fact]
    public void A_filled_cache_leaves_the_limit_as_it_was()
    {
        const int Held = 400_000, Available = 4_000_000;
        long empty = ImageCache.CapacityOf(Path.Combine(_folder, "none"), Available);
        File.WriteAllBytes(Path.Combine(_folder, new string('a', 64)), new byte[Held]);
        ImageCache.CapacityOf(_folder, Available - Held).ShouldBe(empty);
    }

    private static ImageProgress Ask(ImageCache cache, Artifact artifact) => cache.Request([artifact])[0];

    /// <summary>Asks as the reconciler does, until there is an answer.</summary>
    private async Task<ImageProgress> FinishAsync(Artifact artifact, ImageCache? cache = null)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (true)
        {
            ImageProgress progress = Ask(cache ?? _cache, artifact);
            if (progress.Path is not null || progress.Failure is not null) return progress;
            await timer.WaitForNextTickAsync(deadline.Token);
        }
    }

    [Fact]
    public async Task An_image_is_fetched_once_checked_and_kept()
    {
        Artifact artifact = _plane.AddImage(_content);
        ImageProgress progress = await FinishAsync(artifact);
        (await File.ReadAllBytesAsync(progress.Path!, TestContext.Current.CancellationToken)).ShouldBe(_content);
        using ImageCache next = NewCache(1 << 20);
        (await FinishAsync(artifact, next)).Path.ShouldBe(progress.Path);
        _plane.Registry.ImageRequests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_server_that_goes_away_half_way_is_asked_for_the_rest()
    {
        Artifact artifact = _plane.AddImage(_content);
        _plane.BreakImagesAfter.Enqueue(100_000);
        ImageProgress progress = await FinishAsync(artifact);
        (await File.ReadAllBytesAsync(progress.Path!, TestContext.Current.CancellationToken)).ShouldBe(_content);
        _plane.Registry.ImageRequests.Count.ShouldBe(2);
        _plane.Registry.ImageRequests[1].Range.ShouldStartWith("bytes=");
    }

    [Fact]
    public async Task A_server_that_cannot_be_reached_is_named_until_something_comes()
    {
        Artifact artifact = _plane.AddImage(_content);
        string address = artifact.Url;
        using var nobody = new TcpListener(IPAddress.Loopback, 0);
        nobody.Start();
        int port = ((IPEndPoint)nobody.LocalEndpoint).Port;
        nobody.Stop();
        artifact.Url = $"http://127.0.0.1:{port}/image?signature=secret";
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        string? trouble;
        while ((trouble = Ask(_cache, artifact).Trouble) is null) await Task.Delay(10, deadline.Token);
        trouble.ShouldStartWith($"http://127.0.0.1:{port}/image: ");
        trouble.ShouldNotContain("secret");
        _cache.Keep(new HashSet<string>());
        artifact.Url = address;
        (await FinishAsync(artifact)).Trouble.ShouldBeNull();
    }

    [Fact]
    public async Task Another_content_than_was_announced_is_never_used()
    {
        Artifact artifact = _plane.AddImage(_content);
        artifact.Sha256 = ByteString.CopyFrom(SHA256.HashData([1]));
        ImageProgress progress = await FinishAsync(artifact);
        progress.Path.ShouldBeNull();
        progress.Failure!.ShouldContain("wrong hash");
        Directory.GetFiles(_folder).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_image_that_is_not_there_is_refused_with_the_answer()
    {
        Artifact artifact = _plane.AddImage(_content);
        artifact.Url += "0";
        (await FinishAsync(artifact)).Failure!.ShouldContain("404");
    }

    [Fact]
    public async Task Two_images_that_come_at_once_do_not_take_the_same_room()
    {
        using ImageCache small = NewCache(500_000);
        Artifact first = _plane.AddImage(_content), second = _plane.AddImage(RandomNumberGenerator.GetBytes(300_000));
        small.Keep(new HashSet<string> { Convert.ToHexStringLower(first.Sha256.Span) });
        Ask(small, first).Failure.ShouldBeNull();
        Ask(small, second).Failure!.ShouldContain("all are awaited");
        (await FinishAsync(first, small)).Path.ShouldNotBeNull();
    }

    [Fact]
    public async Task What_nobody_wants_any_more_does_not_go_on_coming()
    {
        using ImageCache small = NewCache(500_000);
        Artifact first = _plane.AddImage(_content), second = _plane.AddImage(RandomNumberGenerator.GetBytes(300_000));
        string hash = Convert.ToHexStringLower(first.Sha256.Span);
        for (int i = 0; i < 100; i++) _plane.BreakImagesAfter.Enqueue(0);
        small.Keep(new HashSet<string> { hash });
        Ask(small, first).Failure.ShouldBeNull();
        Ask(small, second).Failure.ShouldNotBeNull();
        small.Keep(new HashSet<string> { Convert.ToHexStringLower(second.Sha256.Span) });
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (Ask(small, second).Failure is not null) await timer.WaitForNextTickAsync(deadline.Token);
        _plane.BreakImagesAfter.Clear();
        (await FinishAsync(second, small)).Path.ShouldNotBeNull();
        _plane.Registry.ImageRequests.Count(request => request.Hash == hash).ShouldBeLessThan(3);
    }

    [Fact]
    public async Task What_makes_a_link_good_is_not_written_to_the_log()
    {
        using var words = new StringWriter();
        using var cache = new ImageCache(_folder, _http, TimeProvider.System, new AgentLog(TimeProvider.System, words), 1 << 20);
        Artifact artifact = _plane.AddImage(_content), gone = _plane.AddImage([1, 2, 3]);
        artifact.Url += "?signature=secret";
        gone.Url += "0?signature=secret";
        (await FinishAsync(artifact, cache)).Path.ShouldNotBeNull();
        (await FinishAsync(gone, cache)).Failure!.ShouldNotContain("secret");
        words.ToString().ShouldContain("is here");
        words.ToString().ShouldNotContain("secret");
    }

    [Fact]
    public void An_image_larger_than_the_cache_is_told_so()
    {
        using ImageCache small = NewCache(100_000);
        Ask(small, _plane.AddImage(_content)).Failure!.ShouldNotContain("awaited");
    }

    [Fact]
    public async Task Room_is_made_by_dropping_what_nobody_wants()
    {
        using ImageCache small = NewCache(500_000);
        Artifact first = _plane.AddImage(_content), second = _plane.AddImage(RandomNumberGenerator.GetBytes(300_000));
        await FinishAsync(first, small);
        small.Keep(new HashSet<string> { Convert.ToHexStringLower(first.Sha256.Span) });
        (await FinishAsync(second, small)).Failure!.ShouldContain("all are awaited");
        small.Keep(new HashSet<string>());
        (await FinishAsync(second, small)).Path.ShouldNotBeNull();
        Directory.GetFiles(_folder).Length.ShouldBe(1);
    }

    [Fact]
    public async Task What_runs_already_makes_room_for_what_is_to_start()
    {
        var time = new SteppingTime();
        using ImageCache small = NewCache(500_000, time);
        Artifact first = _plane.AddImage(_content), second = _plane.AddImage(RandomNumberGenerator.GetBytes(300_000));
        await FinishAsync(first, small);
        small.Keep(new[] { first, second }.Select(artifact => Convert.ToHexStringLower(artifact.Sha256.Span)).ToHashSet());
        for (int i = 0; i < 40; i++)
        {
            // As long as its tenant waits it asks.
            Ask(small, first).Path.ShouldNotBeNull();
            Ask(small, second).Failure!.ShouldContain("all are awaited");
            time.Advance(TimeSpan.FromSeconds(1));
        }
        time.Advance(TimeSpan.FromSeconds(31));
        (await FinishAsync(second, small)).Path.ShouldNotBeNull();
        time.Advance(TimeSpan.FromSeconds(31));
        (await FinishAsync(first, small)).Path.ShouldNotBeNull();
    }

    /// <summary>Two images of two parts, and room for one: a part of each would be room for neither.</summary>
    [Fact]
    public async Task Images_that_wait_for_each_other_come_one_after_the_other()
    {
        var time = new SteppingTime();
        using ImageCache small = NewCache(700_000, time);
        Artifact[] first = Image(), second = Image();
        small.Keep(first.Concat(second).Select(artifact => Convert.ToHexStringLower(artifact.Sha256.Span)).ToHashSet());
        small.Request(first).ShouldAllBe(part => part.Failure == null);
        small.Request(second).ShouldAllBe(part => part.Failure!.Contains("all are awaited"));
        while (small.Request(first).Any(part => part.Path is null)) await Task.Delay(10, TestContext.Current.CancellationToken);
        small.Request(second).ShouldAllBe(part => part.Failure!.Contains("all are awaited"));
        Directory.GetFiles(_folder).Length.ShouldBe(2, "nothing is dropped where it would not be enough");
        time.Advance(TimeSpan.FromSeconds(31));
        small.Request(second).ShouldAllBe(part => part.Failure == null);
        while (small.Request(second).Any(part => part.Path is null)) await Task.Delay(10, TestContext.Current.CancellationToken);

        Artifact[] Image() => [_plane.AddImage(RandomNumberGenerator.GetBytes(100_000)), _plane.AddImage(RandomNumberGenerator.GetBytes(300_000))];
    }
}
