using System.CommandLine;
using System.Text.RegularExpressions;
using Osv.Cli.CommandLine;
using Osv.Cli.Tenants;

namespace Osv.Cli.Consoles;

/// <summary><c>osv tenant console</c>: the serial console of a tenant, for people and for scripts.</summary>
internal static class ConsoleCommand
{
    public static Command Create()
    {
        Argument<string> tenant = TenantCommand.Tenant();
        var expect = new Option<Regex?>("--expect")
        {
            Description = "Leave with success as soon as a line of the output matches this regular expression.", HelpName = "regex",
            CustomParser = argument =>
            {
                try
                {
                    return new Regex(argument.Tokens[0].Value, RegexOptions.CultureInvariant, matchTimeout: TimeSpan.FromSeconds(1));
                }
                catch (ArgumentException wrong)
                {
                    argument.AddError($"--expect: {wrong.Message}");
                    return null;
                }
            },
        };
        var patience = new Option<int>("--timeout") { Description = "Seconds to wait for --expect.", DefaultValueFactory = _ => 60, HelpName = "seconds" };
        var linger = new Option<int>("--linger") { Description = "Without --expect: seconds of silence after the end of standard input.", DefaultValueFactory = _ => 2, HelpName = "seconds" };
        return ClientCommand.Create("console", "Its console. On a terminal, keys go to the tenant and Ctrl-] leaves; else standard input is typed and the output comes as plain text.", async call =>
        {
            string id = (await call.Api.ShowTenantAsync(call.Required(tenant), call.Project, call.Cancel).ConfigureAwait(false)).Value.Id.ToString();
            if (!Console.IsInputRedirected && call.Get(expect) is null) await ConsoleSession.RunAsync(call.Connection, id, call.Required(tenant), call.Cancel).ConfigureAwait(false);
            else await ConsoleScript.RunAsync(call.Connection, id, call.Get(expect), TimeSpan.FromSeconds(call.Get(patience)), TimeSpan.FromSeconds(call.Get(linger)), call.Cancel).ConfigureAwait(false);
        }, tenant, expect, patience, linger, CommonOptions.Project);
    }
}
