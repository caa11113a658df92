using System.Security.Claims;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;
using MudBlazor;
using Osv.Web.Access;
using Osv.Web.Audit;
using Osv.Web.Hosting;

namespace Osv.Web.Console;

/// <summary>Who uses this circuit, and how their acts are carried out and refused.</summary>
public sealed class Session(AuthenticationStateProvider authentication, CallerLoader loader, AuditTrail audit, ISnackbar messages, NavigationManager navigation)
{
    public async Task<string> UserNameAsync() => (await authentication.GetAuthenticationStateAsync()).User.FindFirstValue(ClaimTypes.Name) ?? "";

    /// <summary>The caller with their present rights. A session that ended leads to the sign-in page.</summary>
    public async Task<Caller> CallerAsync(CancellationToken cancel)
    {
        AuthenticationState state = await authentication.GetAuthenticationStateAsync();
        if (await loader.LoadAsync(state.User, null, cancel) is { } caller) return caller;
        navigation.NavigateTo($"{SessionEndpoints.SignInPath}?returnUrl={Uri.EscapeDataString("/" + navigation.ToBaseRelativePath(navigation.Uri))}", forceLoad: true);
        throw new RefusalException(StatusCodes.Status401Unauthorized, "the session has ended: sign in again");
    }

    /// <summary>Does something and says how it went.</summary>
    /// <param name="what">As in "node.drain n1", for the audit log.</param>
    /// <param name="done">What to say when it is done; null: nothing.</param>
    /// <param name="act">The act.</param>
    /// <returns>True if it was done.</returns>
    public async Task<bool> TryAsync(string what, string? done, Func<Caller, Task> act)
    {
        Caller? caller = null;
        try
        {
            caller = await CallerAsync(CancellationToken.None);
            await act(caller);
            if (done is not null) messages.Add(done, Severity.Success);
            return true;
        }
        catch (Exception failed) when (Problems.Explain(failed) is { } refusal)
        {
            if (caller is not null && refusal.Status is StatusCodes.Status403Forbidden or StatusCodes.Status404NotFound)
            {
                await audit.RecordAsync(caller!.Actor, "request.refuse", AuditTrail.Shorten(what), null, new { status = refusal.Status, reason = refusal.Message }, CancellationToken.None);
            }
            messages.Add(Sentence(refusal.Message), Severity.Error);
            return false;
        }
    }

    public static string Sentence(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..] + (text[^1] == '.' ? "" : ".");
}
