using System.CommandLine;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Nodes;

/// <summary><c>osv node drain</c>: looks first, then takes everything off a node and tells how far it is.</summary>
internal static class NodeDrain
{
    /// <summary>The label that keeps a tenant where it is.</summary>
    private const string Pinned = "pinned";

    /// <summary>In the scheduler's reason where tenants have no other place.</summary>
    private const string Blocked = " tenants block: ";

    public static Command Create()
    {
        Argument<string> node = NodeCommand.Node();
        var dryRun = new Option<bool>("--dry-run") { Description = "Only show what would have to move, and what would block." };
        var force = new Option<bool>("--force") { Description = "Begin though tenants are pinned to it: they block until they are stopped." };
        return ClientCommand.Query("drain", "Take no new tenants and move the present ones away. Looks before it begins; 'osv node uncordon' cancels.", async call =>
        {
            NodeDetail target = (await call.Api.ShowNodeAsync(call.Required(node), call.Cancel).ConfigureAwait(false)).Value;
            Reply<IReadOnlyList<TenantView>> tenants = await Pages.ReadAsync<PageOfTenantView, TenantView>((limit, cursor) => call.Api.ListTenantsAsync(null, null, target.Name, limit, cursor, call.Cancel)).ConfigureAwait(false);
            if (!call.IsJson || call.Get(dryRun))
            {
                call.ShowList(tenants, $"tenants on {target.Name}",
                    new("TENANT", tenant => tenant.Name),
                    new("PROJECT", tenant => tenant.Project),
                    new("STATE", tenant => tenant.State),
                    new("CORES", tenant => $"{tenant.CoreCount}") { IsRight = true },
                    new("MEMORY", tenant => Sizes.Format(tenant.MemoryBytes)) { IsRight = true },
                    new("DRAIN", tenant => IsPinned(tenant) ? "blocks: pinned" : "moves"));
            }
            string[] pinned = [.. tenants.Value.Where(IsPinned).Select(tenant => tenant.Name)];
            if (pinned.Length > 0 && !call.Get(force)) throw new CommandException($"{pinned.Length} of {tenants.Value.Count} tenants are pinned to node '{target.Name}' ({string.Join(", ", pinned)}): stop them first, or begin with --force");
            if (call.Get(dryRun)) return;
            Reply<NodeView> reply = await call.Api.DrainNodeAsync(target.Id.ToString(), call.Cancel).ConfigureAwait(false);
            if (!call.Get(CommonOptions.Wait))
            {
                call.Show(reply, NodeTables.Line);
                return;
            }
            Reply<NodeDetail> drained = await Waiting.UntilAsync(call, $"node '{target.Name}' to be drained", () => call.Api.ShowNodeAsync(target.Id.ToString(), call.Cancel), now => Judge(now.Value)).ConfigureAwait(false);
            call.Show(drained, _ => $"node {target.Name} is drained{Environment.NewLine}");
        }, node, dryRun, force, CommonOptions.Wait, CommonOptions.Timeout);
    }

    private static bool IsPinned(TenantView tenant) => tenant.Labels.GetValueOrDefault(Pinned) == "true";

    private static string? Judge(NodeDetail node) => node switch
    {
        { State: NodeState.Drained } => null,
        { Intent: NodeIntent.Serve } => throw new CommandException($"the drain of node '{node.Name}' was cancelled meanwhile: it is {node.State}"),
        { State: NodeState.Lost or NodeState.Retired } => throw new CommandException($"node '{node.Name}' is {node.State} ({Terminal.Plain(node.Reason)}): see 'osv node show {node.Name}'"),
        { State: NodeState.Draining } when node.Reason.Contains(Blocked, StringComparison.Ordinal) =>
            throw new CommandException($"{Terminal.Plain(node.Reason)}; the drain of '{node.Name}' goes on when they are stopped or there is room, and 'osv node uncordon {node.Name}' cancels it"),
        _ => $"node {node.Name}: {node.State}, {node.Tenants} tenants left{(node.Reason.Length > 0 ? $": {node.Reason}" : "")}",
    };
}
