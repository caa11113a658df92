using System.CommandLine;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;
using Osv.Cli.Consoles;

namespace Osv.Cli.Tenants;

/// <summary><c>osv tenant ...</c>.</summary>
internal static class TenantCommand
{
    public static Command Create() => new("tenant", "Linux systems on cores of their own.")
    {
        TenantCreation.Create(), List(), Show(), Start(), Stop(), Reboot(), Delete(), TenantLog.Create(), ConsoleCommand.Create(), SshCommand.Create(), Exits(),
    };

    /// <summary>The tenant that a command is about.</summary>
    public static Argument<string> Tenant() => Names.Argument("tenant", "Name or id of the tenant.", async (api, project, cancel) => (await api.ListTenantsAsync(project, null, null, Pages.Largest, null, cancel).ConfigureAwait(false)).Value.Items.Select(tenant => tenant.Name));

    private static Command List()
    {
        Option<string?> state = CommonOptions.Filter("--state", TenantState.All, "Only those in this state.");
        var node = new Option<string?>("--node") { Description = "Only those on this node.", HelpName = "node" };
        return ClientCommand.Query("list", "Tenants that you may see.", async call => call.ShowList(
            await Pages.ReadAsync<PageOfTenantView, TenantView>((limit, cursor) => call.Api.ListTenantsAsync(call.Project, call.Get(state), call.Get(node), limit, cursor, call.Cancel)).ConfigureAwait(false),
            "tenants", TenantTables.List), CommonOptions.Project, state, node);
    }

    private static Command Show()
    {
        Argument<string> tenant = Tenant();
        return ClientCommand.Query("show", "One tenant: where it is, how it is and how it came to be so.", async call =>
        {
            Reply<TenantView> reply = await call.Api.ShowTenantAsync(call.Required(tenant), call.Project, call.Cancel).ConfigureAwait(false);
            IReadOnlyList<TransitionView> transitions = call.IsJson ? [] : (await call.Api.ShowTenantTimelineAsync(reply.Value.Id.ToString(), null, call.Cancel).ConfigureAwait(false)).Value.Transitions;
            call.Show(reply, view => $"{TenantTables.Fields(view)}{Environment.NewLine}{call.Render([.. transitions.TakeLast(20)], TenantTables.Transitions)}");
        }, tenant, CommonOptions.Project);
    }

    private static Command Start() => Change("start", "Want it to run.", (call, tenant) => call.Api.StartTenantAsync(tenant, call.Project, call.Cancel), (call, reply) => TenantWait.RunningAsync(call, reply));

    private static Command Stop() => Change("stop", "Want it to be stopped; its place is given to others.", (call, tenant) => call.Api.StopTenantAsync(tenant, call.Project, call.Cancel), TenantWait.StoppedAsync);

    private static Command Reboot() => Change("reboot", "Restart it in its place.", (call, tenant) => call.Api.RebootTenantAsync(tenant, call.Project, call.Cancel), (call, reply) => TenantWait.RunningAsync(call, reply, reply.Value.LastTransition));

    private static Command Change(string name, string description, Func<Call, string, Task<Reply<TenantView>>> change, Func<Call, Reply<TenantView>, Task<Reply<TenantView>>> wait)
    {
        Argument<string> tenant = Tenant();
        return ClientCommand.Query(name, description, async call =>
        {
            Reply<TenantView> reply = await change(call, call.Required(tenant)).ConfigureAwait(false);
            if (call.Get(CommonOptions.Wait)) reply = await wait(call, reply).ConfigureAwait(false);
            call.Show(reply, TenantTables.Line);
        }, tenant, CommonOptions.Project, CommonOptions.Wait, CommonOptions.Timeout);
    }

    private static Command Delete()
    {
        Argument<string> tenant = Tenant();
        return ClientCommand.Query("delete", "Stop it and delete everything of it.", async call =>
        {
            Reply<TenantView> reply = await call.Api.DeleteTenantAsync(call.Required(tenant), call.Project, call.Cancel).ConfigureAwait(false);
            if (call.Get(CommonOptions.Wait)) await TenantWait.GoneAsync(call, reply.Value).ConfigureAwait(false);
            call.Show(reply, view => call.Get(CommonOptions.Wait) ? $"tenant {view.Name} is gone{Environment.NewLine}" : TenantTables.Line(view));
        }, tenant, CommonOptions.Project, CommonOptions.Wait, CommonOptions.Timeout);
    }

    private static Command Exits()
    {
        Argument<string> tenant = Tenant();
        return ClientCommand.Query("exits", "Exits to the monitor by reason: since it was started, and a second of late.", async call =>
            call.Show(await call.Api.ShowTenantExitsAsync(call.Required(tenant), call.Project, call.Cancel).ConfigureAwait(false), TenantTables.Exits), tenant, CommonOptions.Project);
    }
}
