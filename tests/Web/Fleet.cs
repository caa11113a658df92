using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Osv.Data.Placements;
using Osv.Database.Testing;
using Osv.Web.Consoles;

namespace Osv.Web.Tests;

/// <summary>What the scheduler does, done by the tests.</summary>
internal static class Fleet
{
    /// <summary>Gives a waiting tenant cores and 1 GiB on a seeded node.</summary>
    public static async Task PlaceAsync(this Site site, Guid tenant, Guid node, int[] cores, int cell = 0, long memoryOffset = 0)
    {
        var commit = new PlacementCommit(site.Database.Source, new CommitCounters());
        IReadOnlyList<CommitOutcome> outcomes = await commit.CommitAsync([FleetSeed.Plan(tenant, node, cores, memoryOffset, 1L << 30, cell)], TestContext.Current.CancellationToken);
        outcomes.Single().ShouldBeOfType<Committed>(outcomes.Single().ToString());
    }

    /// <summary>What a node sends of a console, stored when the task ends.</summary>
    public static Task PrintAsync(this Site site, Guid tenant, string text, long instance = 1, long? offset = null, long lost = 0) =>
        site.PrintAsync(tenant, System.Text.Encoding.UTF8.GetBytes(text), instance, offset, lost);

    public static async Task PrintAsync(this Site site, Guid tenant, byte[] bytes, long instance = 1, long? offset = null, long lost = 0)
    {
        var receiver = site.Services.GetRequiredService<IConsoleReceiver>();
        offset ??= (await site.Database.ListAsync<long>("SELECT next_offset FROM console_instances WHERE tenant_id = $1 AND instance = $2", tenant, instance)).SingleOrDefault();
        await receiver.ReceiveAsync(tenant, instance, offset.Value, bytes, lost, DateTimeOffset.UtcNow, TestContext.Current.CancellationToken);
    }

    /// <summary>The data of the next server-sent event that has any.</summary>
    public static async Task<JsonElement> DataAsync(this StreamReader stream, CancellationToken cancel)
    {
        while (await stream.ReadLineAsync(cancel) is { } line)
        {
            if (line.StartsWith("data: {", StringComparison.Ordinal)) return JsonElement.Parse(line[6..]);
        }
        throw new InvalidOperationException("the stream ended");
    }
}
