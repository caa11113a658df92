using System.CommandLine;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Nodes;

/// <summary><c>osv node ...</c>: the machines of the racks.</summary>
internal static class NodeCommand
{
    public static Command Create() => new("node", "Machines of the racks.") { Register(), List(), Show(), Approve(), NodeDrain.Create(), Uncordon(), Delete() };

    public static Argument<string> Node() => Names.Argument("node", "Name or id of the node.", async (api, _, cancel) => (await api.ListNodesAsync(null, Pages.Largest, null, cancel).ConfigureAwait(false)).Value.Items.Select(node => node.Name));

    private static Command Register()
    {
        var name = new Argument<string>("name") { Description = "Lower-case letters, digits, '-' and '.'." };
        var serial = new Option<string>("--serial") { Description = "Serial number of the machine, as its firmware tells it (dmidecode -s system-serial-number).", Required = true, HelpName = "number" };
        var rack = new Option<string?>("--rack") { Description = "Where it stands.", HelpName = "name" };
        var power = new Option<string?>("--power-domain") { Description = "What it loses power with.", HelpName = "name" };
        Option<Dictionary<string, string>?> labels = CommonOptions.Labels("What jobs may ask for; may be given several times.");
        return ClientCommand.Query("register", "Announce a machine, so that it is let in when it first boots.", async call => call.Show(
            await call.Api.RegisterNodeAsync(new RegisterNode { Name = call.Required(name), SerialNumber = call.Required(serial), Rack = call.Get(rack), PowerDomain = call.Get(power), Labels = call.Get(labels) }, call.Cancel).ConfigureAwait(false),
            NodeTables.Line), name, serial, rack, power, labels);
    }

    private static Command List()
    {
        Option<string?> state = CommonOptions.Filter("--state", NodeState.All, "Only those in this state.");
        return ClientCommand.Query("list", "All nodes; cores and memory as free/all.", async call => call.ShowList(
            await Pages.ReadAsync<PageOfNodeView, NodeView>((limit, cursor) => call.Api.ListNodesAsync(call.Get(state), limit, cursor, call.Cancel)).ConfigureAwait(false), "nodes", NodeTables.List), state);
    }

    private static Command Show()
    {
        Argument<string> node = Node();
        return ClientCommand.Query("show", "One node: topology, partitions, devices, health, boots.", async call =>
        {
            Reply<NodeDetail> reply = await call.Api.ShowNodeAsync(call.Required(node), call.Cancel).ConfigureAwait(false);
            NodeTimeline timeline = call.IsJson ? new NodeTimeline { Transitions = [], Boots = [] } : (await call.Api.ShowNodeTimelineAsync(reply.Value.Id.ToString(), call.Cancel).ConfigureAwait(false)).Value;
            call.Show(reply, detail => NodeTables.Detail(call, detail, timeline));
        }, node);
    }

    private static Command Approve() => Change("approve", "Let a machine into the fleet.", (call, node) => call.Api.ApproveNodeAsync(node, call.Cancel));

    private static Command Uncordon() => Change("uncordon", "Let a node take tenants again; ends a drain.", (call, node) => call.Api.UncordonNodeAsync(node, call.Cancel));

    private static Command Delete() => Change("delete", "Retire an empty node for good.", (call, node) => call.Api.DeleteNodeAsync(node, call.Cancel));

    private static Command Change(string name, string description, Func<Call, string, Task<Reply<NodeView>>> change)
    {
        Argument<string> node = Node();
        return ClientCommand.Query(name, description, async call => call.Show(await change(call, call.Required(node)).ConfigureAwait(false), NodeTables.Line), node);
    }
}
