using System.Globalization;
using System.Text.Json;
using Grpc.Core;

namespace Osv.Bench.Streams;

/// <summary>
/// The process of all agents, apart from the control plane so that its processor time is not counted with it. It speaks over its standard streams:
/// "ready" when all streams stand; each line it is given is answered with what was measured since the one before; it ends when there are no more.
/// </summary>
internal static class SwarmRole
{
    /// <summary>Handshakes at the same time.</summary>
    private const int Doors = 32;

    public static async Task<int> RunAsync(SwarmOrder order)
    {
        using var stop = new CancellationTokenSource();
        var lags = new Lags();
        int broken = 0;
        SimulatedAgent[] agents = [.. order.Nodes.Select(node => new SimulatedAgent(node, order, lags))];
        var running = new Task[agents.Length];
        int connected = 0;
        await Parallel.ForAsync(0, agents.Length, new ParallelOptions { MaxDegreeOfParallelism = Doors }, async (i, cancel) =>
        {
            // The stream lives as long as the token that it was begun with.
            int failures = await agents[i].ConnectAsync(stop.Token);
            if (failures > 0) Say($"connected after {failures.ToString(CultureInfo.InvariantCulture)} failures");
            // Evenly over the period, whatever order they came in.
            running[i] = WatchAsync(agents[i], agents[i].HeartbeatEvery * ((double)i / agents.Length));
            if (Interlocked.Increment(ref connected) % 1000 == 0) Say($"connected {connected.ToString(CultureInfo.InvariantCulture)}");
        });
        Say("ready");
        while (await Console.In.ReadLineAsync() is not null) Say(JsonSerializer.Serialize(new SwarmReport(lags.Take(), Volatile.Read(ref broken))));
        await stop.CancelAsync();
        await Task.WhenAll(running);
        foreach (SimulatedAgent agent in agents) agent.Dispose();
        return 0;

        async Task WatchAsync(SimulatedAgent agent, TimeSpan phase)
        {
            try
            {
                await agent.RunAsync(phase, stop.Token);
            }
            catch (Exception) when (stop.IsCancellationRequested)
            {
                // The end of the measurement.
            }
            catch (Exception error) when (error is RpcException or IOException)
            {
                if (Interlocked.Increment(ref broken) <= 5) await Console.Error.WriteLineAsync($"a stream broke: {error.Message}");
            }
        }
    }

    private static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }
}

/// <param name="Acknowledged">Heartbeats, from the moment each was due until the agent held its acknowledgement.</param>
/// <param name="Broken">Streams that ended, since the beginning.</param>
internal sealed record SwarmReport(Spread Acknowledged, int Broken);
