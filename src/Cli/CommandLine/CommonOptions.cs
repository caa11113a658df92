using System.CommandLine;

namespace Osv.Cli.CommandLine;

/// <summary>Options that many commands share.</summary>
internal static class CommonOptions
{
    public const string Table = "table", Wide = "wide", Json = "json";

    public static Option<string?> Server { get; } = new("--server")
    {
        Description = "Address of the control plane; without it OSV_SERVER, the server signed in to last, or http://127.0.0.1:5080.", HelpName = "url",
    };

    public static Option<string> Output { get; } = Choice("--output", Table, [Table, Wide, Json], "How to show it; json has the names of the REST API.", "-o");

    public static Option<string?> Project { get; } = new("--project") { Description = "Name or id of the project; without it all you may see, or the only one you are in, or 'default'.", HelpName = "project" };

    public static Option<bool> Wait { get; } = new("--wait") { Description = "Return when it is done, and tell meanwhile what is being waited for." };

    public static Option<int> Timeout { get; } = new("--timeout") { Description = "Seconds to wait at most.", DefaultValueFactory = _ => 600, HelpName = "seconds" };

    /// <summary>An option that takes one of a few words.</summary>
    public static Option<string> Choice(string name, string usual, IReadOnlyList<string> words, string description, params string[] aliases)
    {
        var option = new Option<string>(name, aliases) { Description = description, DefaultValueFactory = _ => usual };
        option.AcceptOnlyFromAmong([.. words]);
        return option;
    }

    /// <summary>An option that takes one of a few words, in any case of letters, or nothing.</summary>
    public static Option<string?> Filter(string name, IReadOnlyList<string> words, string description)
    {
        var option = new Option<string?>(name) { Description = description, CustomParser = argument => Word(argument, words) };
        option.CompletionSources.Add([.. words]);
        return option;
    }

    /// <summary>The word of a list that was meant, whatever its case.</summary>
    public static string? Word(System.CommandLine.Parsing.ArgumentResult argument, IReadOnlyList<string> words)
    {
        string given = argument.Tokens[0].Value;
        string? word = words.FirstOrDefault(known => known.Equals(given.Replace("-", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase));
        if (word is null) argument.AddError($"'{given}' is not possible here: use one of {string.Join(", ", words)}");
        return word;
    }

    /// <summary>KEY=VALUE, several times.</summary>
    public static Option<Dictionary<string, string>?> Labels(string description) => new("--label")
    {
        Description = description, HelpName = "key=value", Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false,
        CustomParser = argument =>
        {
            var labels = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (string given in argument.Tokens.Select(token => token.Value))
            {
                int equals = given.IndexOf('=', StringComparison.Ordinal);
                if (equals <= 0) argument.AddError($"'{given}' is no label: write key=value");
                else labels[given[..equals]] = given[(equals + 1)..];
            }
            return labels;
        },
    };
}
