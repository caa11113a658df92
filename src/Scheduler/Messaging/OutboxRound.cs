using MassTransit;
using Microsoft.Extensions.Logging;
using Npgsql;
using Osv.Data.Messaging;
using Osv.Scheduler.Hosting;

namespace Osv.Scheduler.Messaging;

/// <summary>Publishes what the outbox holds, at least once. What cannot be published now stays until its claim runs out.</summary>
public sealed class OutboxRound(NpgsqlDataSource source, IBus bus, SchedulerOptions options, SchedulerMetrics metrics, ILogger<OutboxRound> log) : IRound
{
    public async Task<bool> RunAsync(CancellationToken cancel)
    {
        IReadOnlyList<OutboxDelivery> messages = await Outbox.ClaimAsync(source, options.Replica, options.Batch, options.ClaimFor, cancel);
        if (messages.Count == 0) return false;
        var done = new List<long>(messages.Count);
        foreach (OutboxDelivery message in messages)
        {
            try
            {
                // A type of a newer version is for its replicas; it must not block the others.
                if (Hints.Read(message.MessageType, message.Body) is { } hint) await bus.Publish(hint, hint.GetType(), context => context.MessageId = message.MessageId, cancel);
                done.Add(message.Id);
            }
            catch (Exception error) when (error is MassTransitException or TimeoutException or IOException)
            {
                log.PublishFailed(message.Id, message.MessageType, error);
                break;
            }
        }
        metrics.Published(await Outbox.CompleteAsync(source, options.Replica, done, cancel));
        return messages.Count == options.Batch && done.Count == messages.Count;
    }
}
