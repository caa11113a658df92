using System.CommandLine;
using System.Globalization;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Audit;

/// <summary><c>osv audit ...</c>: who did what.</summary>
internal static class AuditCommand
{
    public static Command Create() => new("audit", "Who did what.") { List(), Verify() };

    private static Command List()
    {
        var actor = new Option<string?>("--actor") { Description = "Only what this user did.", HelpName = "user" };
        var action = new Option<string?>("--action") { Description = "Only this, as in tenant.create.", HelpName = "action" };
        var most = new Option<int>("--limit") { Description = "Most entries.", DefaultValueFactory = _ => 100, HelpName = "number" };
        return ClientCommand.Query("list", "Entries of the audit log, newest first.", async call => call.ShowList(
            await Pages.ReadAsync<PageOfAuditView, AuditView>((limit, cursor) => call.Api.ListAuditAsync(limit, cursor, call.Get(actor), call.Get(action), call.Cancel), call.Get(most)).ConfigureAwait(false), "entries",
            new("NUMBER", entry => entry.Sequence.ToString(CultureInfo.InvariantCulture)) { IsRight = true },
            new("AT", entry => Ages.Stamp(entry.At)),
            new("ACTOR", entry => entry.Actor),
            new("ACTION", entry => entry.Action),
            new("SUBJECT", entry => entry.Subject) { IsText = true },
            new("PROJECT", entry => entry.Project),
            new("SHA256", entry => entry.Sha256) { IsWide = true },
            new("DETAIL", entry => entry.Detail.GetRawText()) { IsText = true }), actor, action, most);
    }

    private static Command Verify() => ClientCommand.Query("verify", "Recompute the hash chain of the audit log; fails where it is broken.", async call =>
    {
        Reply<AuditVerdict> verdict = await call.Api.VerifyAuditAsync(call.Cancel).ConfigureAwait(false);
        call.Show(verdict, view => view.Intact ? $"the audit log is intact: {view.Entries} entries, the last has the hash {view.Head}{Environment.NewLine}" : "");
        if (!verdict.Value.Intact) throw new CommandException($"the audit log was tampered with ({Terminal.Plain(verdict.Value.Fault ?? "no reason told")}): keep the database as it is and find out who could write to it");
    });
}
