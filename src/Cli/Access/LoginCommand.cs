using System.CommandLine;
using System.Text;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Access;

/// <summary><c>osv login</c>: exchanges a password for a token and keeps it.</summary>
internal static class LoginCommand
{
    public static Command Create()
    {
        var user = new Option<string?>("--user", "-u") { Description = "User name; without it, you are asked.", HelpName = "name" };
        var command = new Command("login", "Sign in: exchange a password, asked for or read from standard input, for a token that lives 12 hours.") { user, CommonOptions.Server };
        command.SetAction(async (parsed, cancel) =>
        {
            Uri server = ServerSettings.FindNamed(parsed.GetValue(CommonOptions.Server)) ?? Credentials.Load().Current ?? ServerSettings.Usual;
            string name = parsed.GetValue(user) ?? Ask($"User of {server}: ", "--user NAME", Console.ReadLine);
            string password = Ask($"Password of {name}: ", "a password on standard input", Console.IsInputRedirected ? Console.ReadLine : ReadSecret);
            CreatedToken token = await LoginAsync(server, name, password, cancel).ConfigureAwait(false);
            Console.WriteLine($"signed in to {server} as {name} until {Ages.Stamp(token.ExpiresAt)}");
            if (Environment.GetEnvironmentVariable("OSV_TOKEN") is { Length: > 0 }) await Console.Error.WriteLineAsync("osv: OSV_TOKEN is set and goes before what is kept here: unset it to act as this user").ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    /// <summary>Signs in and keeps the token for later commands.</summary>
    /// <exception cref="CommandException">The server refuses, cannot be reached, or the token cannot be kept.</exception>
    public static async Task<CreatedToken> LoginAsync(Uri server, string user, string password, CancellationToken cancel)
    {
        using var connection = new ApiConnection(server, token: null);
        CreatedToken token = (await new ApiClient(connection).LoginAsync(new Login { UserName = user, Password = password }, cancel).ConfigureAwait(false)).Value;
        Credentials.Load().Save(server, new Credential(user, token.Token, token.ExpiresAt));
        return token;
    }

    /// <summary>Asks somebody at the terminal, or takes a line of standard input.</summary>
    internal static string Ask(string question, string otherwise, Func<string?> read)
    {
        if (!Console.IsInputRedirected) Console.Error.Write(question);
        return read() is { Length: > 0 } answer ? answer : throw new CommandException($"nothing was entered: give {otherwise}");
    }

    /// <summary>Reads a line without showing it.</summary>
    internal static string ReadSecret()
    {
        var secret = new StringBuilder();
        while (Console.ReadKey(intercept: true) is var key && key.Key != ConsoleKey.Enter)
        {
            if (key.Key == ConsoleKey.Backspace) secret.Length = Math.Max(0, secret.Length - 1);
            else if (!char.IsControl(key.KeyChar)) secret.Append(key.KeyChar);
        }
        Console.Error.WriteLine();
        return secret.ToString();
    }
}
