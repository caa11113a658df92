using MassTransit;
using Osv.Web.Hosting;

namespace Osv.Web.Consoles;

/// <summary>A console has new bytes; for replicas where someone types into it.</summary>
public sealed record ConsoleGrew(Guid TenantId);

/// <summary>Bytes for a console, from a replica without a stream to the node. Only the replica that has one answers.</summary>
/// <param name="From">The replica that asks.</param>
public sealed record TypeIntoConsole(Guid TenantId, byte[] Data, string From);

/// <summary>The bytes are on their way to the node.</summary>
public sealed record TypedIntoConsole(Guid TenantId);

internal sealed class ConsoleGrewConsumer(ConsoleSignals signals) : IConsumer<ConsoleGrew>
{
    public Task Consume(ConsumeContext<ConsoleGrew> context)
    {
        signals.Set(context.Message.TenantId);
        return Task.CompletedTask;
    }
}

internal sealed class TypeIntoConsoleConsumer(IEnumerable<IConsoleTransport> transports, ConsoleSignals signals, Replica replica) : IConsumer<TypeIntoConsole>
{
    public async Task Consume(ConsumeContext<TypeIntoConsole> context)
    {
        TypeIntoConsole message = context.Message;
        if (message.From == replica.Name) return;
        // Before the bytes are sent, so that their echo is told.
        signals.WatchElsewhere(message.TenantId);
        foreach (IConsoleTransport transport in transports)
        {
            if (!await transport.TrySendAsync(message.TenantId, message.Data, context.CancellationToken)) continue;
            await context.RespondAsync(new TypedIntoConsole(message.TenantId));
            return;
        }
    }
}
