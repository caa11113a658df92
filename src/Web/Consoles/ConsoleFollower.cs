using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Security.Claims;
using Osv.Data.Projects;
using Osv.Web.Access;

namespace Osv.Web.Consoles;

/// <summary>Tells lines of a console as they come.</summary>
public sealed class ConsoleFollower(ConsoleReader reader, ConsoleSignals signals, CallerLoader callers, IHostApplicationLifetime lifetime, TimeProvider time)
{
    /// <summary>So soon something that another replica stored is seen.</summary>
    internal static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);

    /// <summary>So often a silent stream says that it lives, and looks whether its reader still may read.</summary>
    internal static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    private const int Piece = 1000;

    /// <summary>Ends when the reader goes, may no longer read, or the host stops.</summary>
    public async IAsyncEnumerable<SseItem<LogLine?>> LinesAsync(Caller caller, ClaimsPrincipal user, Guid tenant, long? after, [EnumeratorCancellation] CancellationToken cancel)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancel, lifetime.ApplicationStopping);
        using ConsoleSignals.Watcher watcher = signals.Watch(tenant);
        // Says at once that the stream stands, even where nothing was printed yet.
        yield return new SseItem<LogLine?>(null, "alive");
        long told = time.GetTimestamp();
        LogLine? partial = null;
        while (!end.IsCancellationRequested)
        {
            IReadOnlyList<LogLine>? lines = await NextAsync(tenant, after, end.Token);
            if (lines is null) yield break;
            foreach (LogLine line in lines)
            {
                if (line.Partial && line == partial) continue;
                partial = line.Partial ? line : null;
                yield return line.Partial
                    ? new SseItem<LogLine?>(line, "partial")
                    : new SseItem<LogLine?>(line, "line") { EventId = line.Sequence.ToString(CultureInfo.InvariantCulture) };
            }
            after = lines.LastOrDefault(line => !line.Partial)?.Sequence ?? after ?? 0;
            if (lines.Count >= Piece) continue;
            try
            {
                await watcher.WaitAsync(Poll, time, end.Token);
            }
            catch (OperationCanceledException)
            {
                yield break;
            }
            if (time.GetElapsedTime(told) < KeepAlive) continue;
            if (!await MayAsync(callers, caller, user, tenant, end.Token)) yield break;
            yield return new SseItem<LogLine?>(null, "alive");
            told = time.GetTimestamp();
        }
    }

    /// <summary>Whether someone whom a stream belongs to may still read it.</summary>
    internal async Task<bool> MayAsync(CallerLoader loader, Caller caller, ClaimsPrincipal user, Guid tenant, CancellationToken cancel) =>
        await loader.LoadAsync(user, caller.Token, cancel) is { } present && await reader.ProjectOfAsync(tenant, cancel) is { } project && present.RoleIn(project) >= ProjectRole.Viewer;

    private async Task<IReadOnlyList<LogLine>?> NextAsync(Guid tenant, long? after, CancellationToken cancel)
    {
        try
        {
            return await reader.LinesAsync(tenant, after, Piece, null, cancel);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }
}
