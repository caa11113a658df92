using MassTransit;
using Osv.Scheduler.Hosting;

namespace Osv.Scheduler.Messaging;

/// <summary>Wakes the loops of this replica. It changes nothing: the loops find what there is to do in the database.</summary>
public sealed class WakeConsumer(WakeSignals wake) : IConsumer<TenantPlaced>, IConsumer<TenantReleased>, IConsumer<NodeChanged>
{
    public Task Consume(ConsumeContext<TenantPlaced> context)
    {
        wake.Jobs.Set();
        return Task.CompletedTask;
    }

    public Task Consume(ConsumeContext<TenantReleased> context)
    {
        wake.Tenants.Set();
        wake.Jobs.Set();
        return Task.CompletedTask;
    }

    public Task Consume(ConsumeContext<NodeChanged> context)
    {
        wake.Nodes.Set();
        wake.Tenants.Set();
        return Task.CompletedTask;
    }
}
