using System.CommandLine;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Access;

/// <summary><c>osv token ...</c>: tokens for programs.</summary>
internal static class TokenCommand
{
    public static Command Create() => new("token", "Tokens for programs.") { New(), List(), Revoke() };

    private static Command New()
    {
        var name = new Argument<string>("name") { Description = "For people." };
        var scopes = new Option<string[]>("--scope") { Description = "What it may be used for, as in tenants:read; may be given several times. '*' is everything.", DefaultValueFactory = _ => ["*"], HelpName = "scope" };
        var days = new Option<int?>("--expires-in-days") { Description = "1 to 366; 90 if not given.", HelpName = "days" };
        return ClientCommand.Query("create", "Make a token. It is the only line on standard output, and is never shown again.", async call => call.Show(
            await call.Api.CreateTokenAsync(new CreateToken { Name = call.Required(name), Scopes = call.Required(scopes), Project = call.Project, ExpiresInDays = call.Get(days) }, call.Cancel).ConfigureAwait(false),
            token => $"{token.Token}{Environment.NewLine}"), name, scopes, days, CommonOptions.Project);
    }

    private static Command List() => ClientCommand.Query("list", "Your tokens, newest first.", async call => call.ShowList(
        await call.Api.ListTokensAsync(call.Cancel).ConfigureAwait(false), "tokens",
        new("NAME", token => token.Name),
        new("STATE", State),
        new("PROJECT", token => token.Project),
        new("EXPIRES", token => Ages.Stamp(token.ExpiresAt)),
        new("LAST USED", token => token.LastUsedAt is null ? "never" : $"{Ages.Since(token.LastUsedAt)} ago"),
        new("CREATED", token => Ages.Stamp(token.CreatedAt)) { IsWide = true },
        new("ID", token => token.Id.ToString()),
        new("SCOPES", token => string.Join(' ', token.Scopes)) { IsText = true }));

    private static Command Revoke()
    {
        var token = new Argument<string>("token") { Description = "Name or id of the token." };
        return ClientCommand.Create("revoke", "Make a token useless.", async call =>
        {
            string named = call.Required(token);
            Guid id = Guid.TryParse(named, out Guid given) ? given : Find(named, (await call.Api.ListTokensAsync(call.Cancel).ConfigureAwait(false)).Value);
            await call.Api.RevokeTokenAsync(id, call.Cancel).ConfigureAwait(false);
            Console.WriteLine($"token {named} is revoked");
        }, token);
    }

    private static Guid Find(string name, IReadOnlyList<TokenView> tokens) => tokens.Where(token => token.Name == name && State(token) == "valid").ToArray() switch
    {
        [var only] => only.Id,
        [] => throw new CommandException($"you have no valid token '{name}': 'osv token list' shows those you have"),
        var several => throw new CommandException($"you have {several.Length} valid tokens '{name}': give the id of one from 'osv token list'"),
    };

    private static string State(TokenView token) => token.RevokedAt is not null ? "revoked" : token.ExpiresAt <= TimeProvider.System.GetUtcNow() ? "expired" : "valid";
}
