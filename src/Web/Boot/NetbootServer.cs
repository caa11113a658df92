using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Npgsql;
using Osv.Netboot;
using Osv.Web.Gateway;
using Osv.Web.Hosting;

namespace Osv.Web.Boot;

/// <summary>The listener of the boot network: scripts, node image, stage reports, the authority's certificate, tenants' artifacts. Nothing of people's is here.</summary>
internal sealed class NetbootServer(
    IServiceProvider site, BootDesk desk, BootTimeline timeline, NodeImage image, TenantArtifacts artifacts, AuthorityStore authorities, NodeAddresses addresses,
    IOptions<NetbootOptions> options, TimeProvider time, ILogger<NetbootServer> log) : IHostedService, IAsyncDisposable
{
    private const int LongestLine = 4096;

    private WebApplication? _listener;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!options.Value.Enabled)
        {
            // Another process serves it; links to artifacts lead there.
            if (options.Value.Address is { } elsewhere) addresses.Netboot = elsewhere;
            return;
        }
        options.Value.Validate();
        _listener = SideListener.Build(site, options.Value.Listen, endpoint => endpoint.Protocols = HttpProtocols.Http1, limits =>
        {
            limits.MaxRequestBodySize = 0;
            limits.MaxRequestLineSize = LongestLine;
            limits.MaxRequestHeadersTotalSize = 2 * LongestLine;
        }, services => services.AddRouting());
        Map(_listener);
        await _listener.StartAsync(cancellationToken);
        addresses.Netboot = NodeAddresses.AsSeen(options.Value.Address, SideListener.AddressOf(_listener));
        log.NetbootListens(addresses.Netboot);
    }

    private void Map(WebApplication listener)
    {
        listener.Use(GuardAsync);
        listener.MapGet(BootScript.StartPath, () => Results.Text(BootScript.Start(addresses.Netboot)));
        listener.MapGet(BootScript.AuthorityPath, async (CancellationToken cancel) => Results.Bytes((await authorities.GetAsync(cancel)).Root, "application/pkix-cert"));
        listener.MapGet(BootScript.ScriptPath, ScriptAsync);
        listener.MapMethods(BootScript.ReportPath, [HttpMethods.Get, HttpMethods.Post], ReportAsync);
        listener.MapMethods(BootScript.ImagePath + "{sha256}", [HttpMethods.Get, HttpMethods.Head], ImageAsync);
        listener.MapMethods(ArtifactLinks.Path + "{sha256}", [HttpMethods.Get, HttpMethods.Head],
            (HttpContext context, string sha256, Guid tenant, long fence, string signature) => artifacts.SendAsync(context, sha256, tenant, fence, signature));
    }

    /// <summary>A database that is away is no reason to say how this program works.</summary>
    private async Task GuardAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (Exception error) when (error is NpgsqlException or TimeoutException && !context.Response.HasStarted)
        {
            log.RequestFailed(error);
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        }
    }

    private async Task<IResult> ScriptAsync(string? mac, string? serial, string? uuid, CancellationToken cancel)
    {
        if (!MachineIdentity.TryParse(mac, serial, uuid, out BootMachine? machine, out string problem)) return Results.Text(BootScript.Wait(addresses.Netboot, problem));
        if (await image.CurrentAsync(cancel) is not var (monitor, payload))
        {
            log.NothingToBoot();
            return Results.Text(BootScript.Wait(addresses.Netboot, "the control plane has no node image yet"));
        }
        BootAnswer answer = await desk.AskAsync(machine, cancel);
        if (answer is not BootAnswer.Boots boots) return Results.Text(BootScript.Wait(addresses.Netboot, ((BootAnswer.Waits)answer).Reason));
        var plan = new BootPlan(addresses.Netboot, addresses.Gateway, (await authorities.GetAsync(cancel)).RootSha256, monitor, payload)
        {
            ManagementCores = options.Value.ManagementCores,
            ManagementNics = options.Value.ManagementNics,
            ManagementMemory = options.Value.ManagementMemoryMiB,
            Greeting = boots.Approved ? $"this machine is node {boots.Name}" : $"this machine is unknown: it boots as {boots.Name} and waits for an operator to approve it",
        };
        return Results.Text(BootScript.ForMachine(plan, boots.Token, time.GetUtcNow()));
    }

    private async Task<IResult> ReportAsync(string? mac, string? serial, string? uuid, string? stage, string? step, string? error, CancellationToken cancel)
    {
        if (!MachineIdentity.TryParse(mac, serial, uuid, out BootMachine? machine, out string problem)) return Results.Text(problem + "\n", statusCode: StatusCodes.Status400BadRequest);
        return await timeline.ReportAsync(machine, stage ?? "", step, error, cancel) ? Results.Text("ok\n") : Results.NotFound();
    }

    private async Task<IResult> ImageAsync(string sha256, string? mac, string? serial, string? uuid, string? stage, CancellationToken cancel)
    {
        if (stage is not null && MachineIdentity.TryParse(mac, serial, uuid, out BootMachine? machine, out _)) await timeline.ReportAsync(machine, stage, null, null, cancel);
        return await image.FindAsync(sha256, cancel) is { } path ? Results.File(path, "application/octet-stream", enableRangeProcessing: true) : Results.NotFound();
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_listener is not null) await _listener.StopAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_listener is not null) await _listener.DisposeAsync();
    }
}
