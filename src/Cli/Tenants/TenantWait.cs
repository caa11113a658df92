using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Tenants;

/// <summary>Waits until a tenant is what was asked for.</summary>
internal static class TenantWait
{
    /// <summary>Waits until it runs.</summary>
    /// <param name="call">The command.</param>
    /// <param name="first">What the change led to at first.</param>
    /// <param name="after">It must have come to run after this; null: whenever.</param>
    public static Task<Reply<TenantView>> RunningAsync(Call call, Reply<TenantView> first, DateTimeOffset? after = null) =>
        WaitAsync(call, first, "run", tenant => tenant.State switch
        {
            TenantState.Running when after is null || tenant.LastTransition > after => null,
            // The scheduler gave it up, or somebody stopped or deleted it meanwhile.
            _ when tenant.Intent != TenantIntent.Run => throw GaveUp(tenant),
            _ => Status(tenant),
        });

    public static Task<Reply<TenantView>> StoppedAsync(Call call, Reply<TenantView> first) =>
        WaitAsync(call, first, "stop", tenant => tenant.State is TenantState.Stopped or TenantState.Failed ? null : tenant.Intent == TenantIntent.Run ? throw GaveUp(tenant) : Status(tenant));

    /// <summary>Waits until there is nothing left of it.</summary>
    public static async Task GoneAsync(Call call, TenantView tenant)
    {
        try
        {
            await Waiting.UntilAsync(call, $"tenant '{tenant.Name}' to be gone", async () => (await call.Api.ShowTenantAsync(tenant.Id.ToString(), null, call.Cancel).ConfigureAwait(false)).Value, Status).ConfigureAwait(false);
        }
        catch (RefusedException gone) when (gone.Status == 404)
        {
        }
    }

    private static async Task<Reply<TenantView>> WaitAsync(Call call, Reply<TenantView> first, string what, Func<TenantView, string?> judge)
    {
        string id = first.Value.Id.ToString();
        return await Waiting.UntilAsync(call, $"tenant '{first.Value.Name}' to {what}", () => call.Api.ShowTenantAsync(id, null, call.Cancel), reply => judge(reply.Value)).ConfigureAwait(false);
    }

    private static string Status(TenantView tenant) => $"tenant {tenant.Name}: {tenant.State}{(tenant.Node is null ? "" : $" on {tenant.Node}")}{(tenant.Reason.Length > 0 ? $": {tenant.Reason}" : "")}";

    private static CommandException GaveUp(TenantView tenant) =>
        new($"tenant '{tenant.Name}' is {tenant.State} and wanted: {tenant.Intent} ({Terminal.Plain(tenant.Reason)}): see 'osv tenant show {tenant.Name}' and 'osv tenant log {tenant.Name}'");
}
