using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Access;

/// <summary>Which server to talk to, and as whom.</summary>
/// <param name="Token">Null: not signed in.</param>
internal sealed record ServerSettings(Uri Server, string? Token)
{
    public static Uri Usual { get; } = new("http://127.0.0.1:5080");

    /// <param name="option">Value of --server.</param>
    /// <exception cref="CommandException">The address is none, or the credentials cannot be read.</exception>
    public static ServerSettings Find(string? option)
    {
        string? token = Environment.GetEnvironmentVariable("OSV_TOKEN") is { Length: > 0 } given ? given : null;
        Uri? named = FindNamed(option);
        // With both given, no file is needed: scripts run where there is no home.
        if (named is not null && token is not null) return new ServerSettings(named, token);
        Credentials credentials = Credentials.Load();
        Uri server = named ?? credentials.Current ?? Usual;
        return new ServerSettings(server, token ?? credentials.Find(server)?.Token);
    }

    /// <summary>The server named on the command line or in the environment; null: none.</summary>
    public static Uri? FindNamed(string? option)
    {
        if (option is not null) return Address(option, "--server");
        return Environment.GetEnvironmentVariable("OSV_SERVER") is { Length: > 0 } variable ? Address(variable, "OSV_SERVER") : null;
    }

    public ApiConnection Connect() => new(Server, Token);

    private static Uri Address(string text, string where) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https" && address is { PathAndQuery: "/", UserInfo: "" }
            ? address
            : throw new CommandException($"{where} is '{text}': give an address without a path, as in {Usual.GetLeftPart(UriPartial.Authority)}");
}
