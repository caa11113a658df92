using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Osv.Database.Testing;
using Osv.Web.Consoles;

namespace Osv.Web.Tests;

/// <summary>Two hosts of one site with a broker between them: the node's stream is at one, the people at the other.</summary>
public sealed class ReplicaTests(Site site)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_typed_at_one_replica_reaches_the_node_through_the_other_and_the_echo_comes_back()
    {
        await using Broker broker = await Broker.StartAsync(Cancel);
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        Guid tenant = await site.NewTenantAsync(project, "remote");
        Guid[] nodes = await site.Seed.NodesAsync(1, new NodeShape(), Site.Unique("n"));
        await site.PlaceAsync(tenant, nodes[0], [0, 1]);
        await using WebApplication near = await site.StartAsync($"--Osv:Messaging:RabbitMq={broker.Address}"), far = await site.StartApartAsync($"--Osv:Messaging:RabbitMq={broker.Address}");
        ChannelReader<byte[]> typed = site.Keyboards.Connect(tenant);
        await using Terminal terminal = await Terminal.OpenAsync(new Uri(far.Urls.Single()), tenant, site.Administrator.Token!);
        await terminal.NoticeAsync("live");
        await terminal.TypeAsync("uname\r");
        (await typed.ReadAsync(Cancel)).ShouldBe("uname\r"u8.ToArray());
        await near.Services.GetRequiredService<IConsoleReceiver>().ReceiveAsync(tenant, 1, 0, "Linux\r\n"u8.ToArray(), 0, DateTimeOffset.UtcNow, Cancel);
        await terminal.PrintsAsync("Linux\r\n");
        site.Keyboards.Disconnect(tenant);
        await terminal.TypeAsync("anyone?\r");
        (await terminal.NoticeAsync("refused")).GetProperty("message").GetString()!.ShouldContain("no server of this site has a connection to node");
        await far.StopAsync(Cancel);
        await near.StopAsync(Cancel);
    }
}
