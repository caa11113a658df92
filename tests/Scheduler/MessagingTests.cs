using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Osv.Data.Lifecycles;
using Osv.Scheduler.Hosting;
using Osv.Scheduler.Messaging;

namespace Osv.Scheduler.Tests;

/// <summary>Hints on the bus, and that nothing depends on them.</summary>
public sealed class MessagingTests(DatabaseFixture fixture) : SchedulerTest(fixture)
{
    [Fact]
    public async Task What_the_outbox_holds_is_published_and_then_gone()
    {
        var heard = new TaskCompletionSource<(Guid, Guid?)>(TaskCreationOptions.RunContinuationsAsynchronously);
        IBusControl bus = Get<IBusControl>();
        await bus.StartAsync(Cancel);
        try
        {
            HostReceiveEndpointHandle listener = bus.ConnectReceiveEndpoint("listener", endpoint => endpoint.Handler<TenantPlaced>(context =>
            {
                heard.TrySetResult((context.Message.TenantId, context.MessageId));
                return Task.CompletedTask;
            }));
            await listener.Ready;
            await NodesAsync(1);
            Guid tenant = await TenantAsync();
            await LookAsync();
            Guid message = await Database.QueryAsync<Guid>("SELECT message_id FROM outbox_messages WHERE message_type = 'tenant.placed'");
            await Get<OutboxRound>().RunAsync(Cancel);
            (await heard.Task.WaitAsync(TimeSpan.FromMinutes(1), Cancel)).ShouldBe((tenant, (Guid?)message));
            (await Database.QueryAsync<long>("SELECT count(*) FROM outbox_messages")).ShouldBe(0);
        }
        finally
        {
            await bus.StopAsync(CancellationToken.None);
        }
    }

    [Fact]
    public async Task A_message_of_an_unknown_type_does_not_block_the_others()
    {
        await Database.ExecuteAsync("INSERT INTO outbox_messages (message_id, message_type, body, created_at) VALUES (gen_random_uuid(), 'from.the.future', '{}', now()), (gen_random_uuid(), 'tenant.placed', '[]', now())");
        await Get<OutboxRound>().RunAsync(Cancel);
        (await Database.QueryAsync<long>("SELECT count(*) FROM outbox_messages")).ShouldBe(0);
    }

    [Fact]
    public async Task A_hint_wakes_the_loop_that_waits()
    {
        IBusControl bus = Get<IBusControl>();
        await bus.StartAsync(Cancel);
        try
        {
            Task woken = Get<WakeSignals>().Tenants.WaitAsync(TimeSpan.FromMinutes(5), TimeProvider.System, Cancel);
            await bus.Publish(new TenantReleased(Guid.NewGuid(), 1), Cancel);
            await woken.WaitAsync(TimeSpan.FromMinutes(1), Cancel);
        }
        finally
        {
            await bus.StopAsync(CancellationToken.None);
        }
    }

    [Fact]
    public void The_bus_reports_its_usage_to_nobody()
    {
        Get<IOptions<UsageTelemetryOptions>>().Value.Enabled.ShouldBeFalse();
        new ServiceCollection().AddMassTransit(bus => bus.UsingInMemory()).BuildServiceProvider().GetRequiredService<IOptions<UsageTelemetryOptions>>().Value.Enabled.ShouldBeTrue("the library no longer reports by default: this test proves nothing any more");
    }

    [Fact]
    public async Task Without_any_message_the_loops_place_a_tenant_all_the_same()
    {
        await NodesAsync(1);
        Options.Maintenance.Enabled = false;
        Options.Poll = TimeSpan.FromMilliseconds(100);
        Guid tenant = await TenantAsync();
        await Database.ExecuteAsync("CREATE FUNCTION tell_placed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('placed', NEW.tenant_id::text); RETURN NULL; END $$; CREATE TRIGGER tell AFTER INSERT ON placements FOR EACH ROW EXECUTE FUNCTION tell_placed(); CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; CREATE TRIGGER lost BEFORE INSERT ON outbox_messages FOR EACH ROW EXECUTE FUNCTION lose()");
        try
        {
            await using var listener = await Database.Source.OpenConnectionAsync(Cancel);
            await using (var listen = new Npgsql.NpgsqlCommand("LISTEN placed", listener)) await listen.ExecuteNonQueryAsync(Cancel);
            IHostedService[] loops = [.. Services.GetServices<IHostedService>().Where(service => service is SchedulerLoop)];
            loops.Length.ShouldBe(5);
            foreach (IHostedService loop in loops) await loop.StartAsync(Cancel);
            (await listener.WaitAsync(TimeSpan.FromMinutes(1), Cancel)).ShouldBeTrue();
            foreach (IHostedService loop in loops) await loop.StopAsync(CancellationToken.None);
            (await StateAsync(tenant)).ShouldBe(TenantState.Placed);
        }
        finally
        {
            await Database.ExecuteAsync("DROP FUNCTION tell_placed CASCADE; DROP FUNCTION lose CASCADE");
        }
    }
}
