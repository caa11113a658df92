using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Osv.Scheduler.Hosting;

/// <summary>Work that is looked for again and again.</summary>
public interface IRound
{
    /// <summary>Does what is due.</summary>
    /// <returns>True: there is more at once.</returns>
    Task<bool> RunAsync(CancellationToken cancel);
}

/// <summary>Runs rounds until the host stops. A round that fails is logged and tried again: the rows it did not change are still due.</summary>
public sealed class SchedulerLoop(string name, IRound round, WakeSignal wake, TimeSpan poll, TimeProvider time, SchedulerMetrics metrics, ILogger log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            bool more = false;
            try
            {
                more = await round.RunAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error) when (error is NpgsqlException or TimeoutException or InvalidOperationException or OperationCanceledException or Microsoft.EntityFrameworkCore.DbUpdateException)
            {
                metrics.Failed(name);
                log.RoundFailed(name, error);
            }
            try
            {
                if (!more) await wake.WaitAsync(poll, time, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }
}
