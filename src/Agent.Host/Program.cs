using System.Runtime.InteropServices;
using Osv.Agent.Host;
using Osv.Agent.Images;
using Osv.Agent.Node;
using Osv.Agent.Notes;
using Osv.Agent.Partitions;
using Osv.Agent.Session;
using Osv.Contracts.ControlDevice;

var paths = new NodePaths("/run/osv");
switch (args)
{
    case ["run"]: return await RunAsync(paths).ConfigureAwait(false);
    case ["status"]: return ShowStatus(paths, json: false);
    case ["status", "-o", "json"]: return ShowStatus(paths, json: true);
    default:
        Console.Error.WriteLine("usage: osv-agent run | status [-o json]");
        return 2;
}

static int ShowStatus(NodePaths paths, bool json)
{
    if (!File.Exists(paths.Status) || AgentStatus.FromJson(File.ReadAllBytes(paths.Status)) is not { } status)
    {
        Console.Error.WriteLine("osv-agent: no agent has written a status yet; see whether 'osv-agent run' is running");
        return 1;
    }
    Console.Out.Write(json ? File.ReadAllText(paths.Status) + "\n" : status.ToText(DateTimeOffset.UtcNow));
    return 0;
}

static async Task<int> RunAsync(NodePaths paths)
{
    TimeProvider time = TimeProvider.System;
    var log = new AgentLog(time, Console.Error);
    using var end = new CancellationTokenSource();
    using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
    {
        context.Cancel = true;
        end.Cancel();
    });
    try
    {
        BootOptions options = BootOptions.Parse(await File.ReadAllTextAsync("/proc/cmdline", end.Token).ConfigureAwait(false));
        using ControlDevice device = ControlDevice.Open();
        var notes = new NodeNotes(new NoteStore(() => device.Notes, ControlLayout.MaxPartitions));

        // Images come from the control plane's own addresses; over https they are asked for with the node's certificate.
        IdentityHolder? holder = null;
        using var http = new HttpClient(new LateTransport(() => holder is null ? null : NodeIdentity.Transport(holder.Current.Authority, holder.Current))) { Timeout = Timeout.InfiniteTimeSpan };
        using var images = new ImageCache(paths.Images, http, time, log, ImageCache.CapacityOf(paths.Images, (long)LinuxMemory.Available()));
        using var agent = new NodeAgent(device, notes, images, paths, time, log)
        {
            ControlPlane = options.Control.ToString(),
            ServerTime = server =>
            {
                if (SystemClock.Follow(server)) log.Info("node", $"the clock follows the control plane: {server:u}");
            },
        };
        Task partitions = agent.RunAsync(end.Token);
        Task session = TalkAsync();
        // Neither ends by itself: whichever does has failed, and init starts a new agent that adopts what runs.
        await (await Task.WhenAny(partitions, session).ConfigureAwait(false)).ConfigureAwait(false);
        return 0;

        async Task TalkAsync()
        {
            await BootReport.SendAsync(options, "agent", log, end.Token).ConfigureAwait(false);
            var enroller = new Enroller(options, notes, time, log);
            holder = new IdentityHolder(await enroller.EnrolAsync(end.Token).ConfigureAwait(false), enroller, time);
            agent.Identity = holder;
            agent.Session = new SessionClient(options.Control, holder, agent, time, log);
            await agent.Session.RunAsync(end.Token).ConfigureAwait(false);
        }
    }
    catch (OperationCanceledException) when (end.IsCancellationRequested)
    {
        return 0;
    }
    catch (InvalidOperationException error)
    {
        log.Error("agent", error.Message);
        // init starts us again: not in a tight loop.
        await Task.Delay(TimeSpan.FromSeconds(5), time).ConfigureAwait(false);
        return 1;
    }
}
