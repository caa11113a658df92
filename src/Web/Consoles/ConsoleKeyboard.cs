using System.Collections.Concurrent;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Lifecycles;
using Osv.Data.Projects;
using Osv.Scheduler;
using Osv.Web.Access;
using Osv.Web.Audit;
using Osv.Web.Hosting;
using Osv.Web.Tenants;

namespace Osv.Web.Consoles;

/// <summary>Someone who may type into a console.</summary>
/// <param name="Tenant">As they may see it.</param>
/// <param name="Actor">As the audit log names them.</param>
public sealed record Typist(TenantView Tenant, string Actor)
{
    /// <summary>The session is an entry of the audit log already.</summary>
    internal bool Audited { get; set; }
}

/// <summary>Brings what people type to the node that runs their tenant, over whichever replica has a stream to it.</summary>
public sealed class ConsoleKeyboard(
    IEnumerable<IConsoleTransport> transports, IBus bus, SchedulerOptions scheduling, Replica replica, IDbContextFactory<OsvDbContext> contexts, TenantQueries tenants, AuditTrail audit, TimeProvider time)
{
    /// <summary>Most bytes at once.</summary>
    public const int MostBytes = 16 << 10;

    /// <summary>Requests that follow each other this closely are one session.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan OthersAnswerWithin = TimeSpan.FromSeconds(3);

    private readonly ConcurrentDictionary<(string Actor, Guid Tenant), DateTimeOffset> _typing = new();

    /// <summary>Members may type, and nobody else.</summary>
    public async Task<Typist> OpenAsync(Caller caller, string tenant, string? project, CancellationToken cancel)
    {
        (TenantView view, _) = await tenants.ShowAsync(caller, tenant, project, cancel);
        caller.Require(view.ProjectId, ProjectRole.Member, "tenant", view.Name);
        return new Typist(view, caller.Actor);
    }

    /// <summary>Types in requests of their own; those that follow each other are one session.</summary>
    public async Task TypeOnceAsync(Caller caller, string tenant, string? project, TypeText typed, CancellationToken cancel)
    {
        new TypeTextValidator().Check(typed);
        Typist typist = await OpenAsync(caller, tenant, project, cancel);
        (string, Guid) key = (typist.Actor, typist.Tenant.Id);
        DateTimeOffset now = time.GetUtcNow();
        typist.Audited = _typing.TryGetValue(key, out DateTimeOffset last) && now - last < Pause;
        await TypeAsync(typist, typed.Data ?? System.Text.Encoding.UTF8.GetBytes(typed.Text!), cancel);
        foreach (((string, Guid) old, DateTimeOffset at) in _typing)
        {
            if (now - at >= Pause) _typing.TryRemove(old, out _);
        }
        _typing[key] = now;
    }

    /// <exception cref="RefusalException">Nobody can bring it there now; the message says why.</exception>
    public async Task TypeAsync(Typist typist, ReadOnlyMemory<byte> data, CancellationToken cancel)
    {
        if (!typist.Audited)
        {
            // Before the first byte: what is not on record does not happen.
            await audit.RecordAsync(typist.Actor, "console.type", typist.Tenant.Name, typist.Tenant.ProjectId, new { typist.Tenant.Id }, cancel);
            typist.Audited = true;
        }
        foreach (IConsoleTransport transport in transports)
        {
            if (await transport.TrySendAsync(typist.Tenant.Id, data, cancel)) return;
        }
        if (scheduling.Messaging.RabbitMq is not null && await OthersTypeAsync(typist.Tenant.Id, data, cancel)) return;
        throw await ExplainAsync(typist, cancel);
    }

    private async Task<bool> OthersTypeAsync(Guid tenant, ReadOnlyMemory<byte> data, CancellationToken cancel)
    {
        try
        {
            await bus.CreateRequestClient<TypeIntoConsole>(OthersAnswerWithin).GetResponse<TypedIntoConsole>(new TypeIntoConsole(tenant, data.ToArray(), replica.Name), cancel);
            return true;
        }
        catch (Exception nobody) when (nobody is MassTransitException or IOException or TimeoutException)
        {
            return false;
        }
    }

    private async Task<RefusalException> ExplainAsync(Typist typist, CancellationToken cancel)
    {
        string name = typist.Tenant.Name;
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        TenantState? state = await data.TenantLifecycles.Where(row => row.TenantId == typist.Tenant.Id).Select(row => (TenantState?)row.State).SingleOrDefaultAsync(cancel);
        string? node = await data.Placements.Where(place => place.TenantId == typist.Tenant.Id).Join(data.Nodes, place => place.NodeId, node => node.Id, (_, node) => node.Name).SingleOrDefaultAsync(cancel);
        return (state, node) switch
        {
            (null, _) => RefusalException.NotFound("tenant", name),
            (_, null) => RefusalException.Conflict($"tenant '{name}' is {state} and has no place on a node: start it, then type"),
            (TenantState.Unreachable, _) => RefusalException.Conflict($"node {node} of tenant '{name}' is away: type again when it is back"),
            _ => RefusalException.Conflict($"no server of this site has a connection to node {node} of tenant '{name}' now: try again in a moment, or look at the node"),
        };
    }
}
