using System.CommandLine;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Nodes;

/// <summary><c>osv node drain</c>: looks first, then takes everything off a node and tells how far it is.</summary>
internal static class NodeDrain
{
    public static Command Create()
    {
        Argument<string> node = NodeCommand.Node();
        var dryRun = new Option<bool>("--dry-run") { Description = "Only show what would have to move, and what would block." };
        var force = new Option<bool>("--force") { Description = "Begin though tenants cannot leave: nothing moves until they can, or are stopped." };
        return ClientCommand.Query("drain", "Take no new tenants and move the present ones away. Looks before it begins; 'osv node uncordon' cancels.", async call =>
        {
            NodeDetail target = (await call.Api.ShowNodeAsync(call.Required(node), call.Cancel).ConfigureAwait(false)).Value;
            Reply<DrainPreview> preview = await call.Api.PreviewNodeDrainAsync(target.Id.ToString(), call.Cancel).ConfigureAwait(false);
            if (!call.IsJson || call.Get(dryRun)) call.Show(preview, found => Words(call, target.Name, found));
            DrainObstacle[] blockers = [.. preview.Value.Blockers];
            if (blockers.Length > 0 && !call.Get(force)) throw new CommandException($"{blockers.Length} of {preview.Value.Moves.Count + blockers.Length} tenants keep node '{target.Name}' from being drained ({Named(blockers)}): stop them first, or begin with --force");
            if (call.Get(dryRun)) return;
            Reply<NodeView> reply = await call.Api.DrainNodeAsync(target.Id.ToString(), call.Cancel).ConfigureAwait(false);
            if (!call.Get(CommonOptions.Wait))
            {
                call.Show(reply, NodeTables.Line);
                return;
            }
            (Reply<NodeDetail> drained, _) = await Waiting.UntilAsync(call, $"node '{target.Name}' to be drained", () => LookAsync(call, target.Id.ToString()), now => Judge(now.Node.Value, now.Blockers)).ConfigureAwait(false);
            call.Show(drained, _ => $"node {target.Name} is drained{Environment.NewLine}");
        }, node, dryRun, force, CommonOptions.Wait, CommonOptions.Timeout);
    }

    private static string Words(Call call, string node, DrainPreview preview)
    {
        (string Tenant, string Project, string Drain)[] rows =
        [
            .. preview.Moves.Select(move => (move.Tenant, move.Project, $"moves to {move.To}")),
            .. preview.Blockers.Select(blocker => (blocker.Tenant, blocker.Project, $"blocks: {blocker.Reason}")),
        ];
        if (rows.Length == 0) return $"no tenants on {node}{Environment.NewLine}";
        return call.Render(rows, new("TENANT", row => row.Tenant), new("PROJECT", row => row.Project), new("DRAIN", row => row.Drain) { IsText = true });
    }

    private static string Named(IEnumerable<DrainObstacle> blockers) => string.Join("; ", blockers.Select(blocker => $"{Terminal.Plain(blocker.Tenant)} {Terminal.Plain(blocker.Reason)}"));

    /// <summary>How far it is, and what the planner says of those that are left.</summary>
    private static async Task<(Reply<NodeDetail> Node, IReadOnlyList<DrainObstacle> Blockers)> LookAsync(Call call, string node)
    {
        Reply<NodeDetail> now = await call.Api.ShowNodeAsync(node, call.Cancel).ConfigureAwait(false);
        return (now, now.Value.State == NodeState.Draining ? (await call.Api.PreviewNodeDrainAsync(node, call.Cancel).ConfigureAwait(false)).Value.Blockers : []);
    }

    private static string? Judge(NodeDetail node, IReadOnlyList<DrainObstacle> blockers) => node switch
    {
        { State: NodeState.Drained } => null,
        { Intent: NodeIntent.Serve } => throw new CommandException($"the drain of node '{node.Name}' was cancelled meanwhile: it is {node.State}"),
        { State: NodeState.Lost or NodeState.Retired } => throw new CommandException($"node '{node.Name}' is {node.State} ({Terminal.Plain(node.Reason)}): see 'osv node show {node.Name}'"),
        _ when blockers.Count > 0 => throw new CommandException($"{Named(blockers)}; the drain of '{node.Name}' goes on when they are stopped or there is room, and 'osv node uncordon {node.Name}' cancels it"),
        _ => $"node {node.Name}: {node.State}, {node.Tenants} tenants left{(node.Reason.Length > 0 ? $": {node.Reason}" : "")}",
    };
}
