using Microsoft.AspNetCore.Components;
using Npgsql;
using Osv.Web.Access;
using Osv.Web.Events;
using Osv.Web.Hosting;

namespace Osv.Web.Console;

/// <summary>
/// A page that shows what the database says now. It reads again when the fleet changes and at least every <see cref="Period"/>, and holds nothing that
/// is not in its address or in the database, so that a circuit may be lost at any time.
/// </summary>
public abstract class LivePage : ComponentBase, IAsyncDisposable
{
    /// <summary>Changes come in swarms; one reading answers for all of half a second.</summary>
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(500);

    private readonly CancellationTokenSource _gone = new();
    private readonly SemaphoreSlim _reading = new(1);
    private Task _watching = Task.CompletedTask;

    [Inject] protected Session Session { get; set; } = default!;

    [Inject] protected NavigationManager Navigation { get; set; } = default!;

    [Inject] private ChangeFeed Feed { get; set; } = default!;

    [Inject] private TimeProvider Time { get; set; } = default!;

    /// <summary>Set while the page is open.</summary>
    protected CancellationToken Gone => _gone.Token;

    /// <summary>Who looks.</summary>
    protected Caller? Caller { get; private set; }

    /// <summary>True until the first reading ended.</summary>
    public bool IsLoading { get; private set; } = true;

    /// <summary>Why the last reading failed; null: it did not.</summary>
    public string? Failure { get; private set; }

    /// <summary>True where what the address names does not exist, or may not be seen.</summary>
    public bool IsMissing { get; private set; }

    protected virtual TimeSpan Period => TimeSpan.FromSeconds(5);

    /// <summary>Reads everything the page shows.</summary>
    protected abstract Task LoadAsync(Caller caller, CancellationToken cancel);

    protected override void OnInitialized() => _watching = WatchAsync();

    protected override Task OnParametersSetAsync() => ReloadAsync();

    public async Task ReloadAsync()
    {
        try
        {
            await _reading.WaitAsync(Gone);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        try
        {
            Caller = await Session.CallerAsync(Gone);
            await LoadAsync(Caller, Gone);
            (Failure, IsMissing) = (null, false);
        }
        catch (OperationCanceledException) when (Gone.IsCancellationRequested)
        {
            return;
        }
        catch (Exception failed) when (Problems.Explain(failed) is { } refusal)
        {
            (Failure, IsMissing) = (Session.Sentence(refusal.Message), refusal.Status == StatusCodes.Status404NotFound);
        }
        catch (NpgsqlException)
        {
            Failure = "The database does not answer. This page goes on by itself when it does.";
        }
        finally
        {
            IsLoading = false;
            _reading.Release();
        }
        await InvokeAsync(StateHasChanged);
    }

    public async ValueTask DisposeAsync()
    {
        await _gone.CancelAsync();
        await _watching;
        await CloseAsync();
        _gone.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what the page holds in the browser.</summary>
    protected virtual ValueTask CloseAsync() => ValueTask.CompletedTask;

    private async Task WatchAsync()
    {
        using ChangeFeed.Watcher watcher = Feed.Watch();
        try
        {
            while (true)
            {
                using (var period = CancellationTokenSource.CreateLinkedTokenSource(Gone))
                {
                    period.CancelAfter(Period);
                    try
                    {
                        await watcher.Events.WaitToReadAsync(period.Token);
                    }
                    catch (OperationCanceledException) when (!Gone.IsCancellationRequested)
                    {
                        // Time for a reading without news: counters and clocks move all the same.
                    }
                }
                await Task.Delay(Gather, Time, Gone);
                while (watcher.Events.TryRead(out _))
                {
                }
                await InvokeAsync(ReloadAsync);
            }
        }
        catch (OperationCanceledException)
        {
            // The page was closed.
        }
    }
}
