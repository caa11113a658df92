using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using Osv.Cli.Access;
using Osv.Cli.Api;

namespace Osv.Cli.CommandLine;

/// <summary>One run of a command that talks to a server.</summary>
internal sealed class Call(ParseResult parsed, ApiConnection connection, CancellationToken cancel)
{
    private static readonly JsonWriterOptions s_json = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public ParseResult Parsed { get; } = parsed;

    public ApiConnection Connection { get; } = connection;

    public ApiClient Api { get; } = new(connection);

    public CancellationToken Cancel { get; } = cancel;

    public bool IsJson => Parsed.GetValue(CommonOptions.Output) == CommonOptions.Json;

    public string? Project => Parsed.GetValue(CommonOptions.Project);

    public T? Get<T>(Option<T> option) => Parsed.GetValue(option);

    public T Required<T>(Option<T> option) => Parsed.GetRequiredValue(option);

    public T Required<T>(Argument<T> argument) => Parsed.GetRequiredValue(argument);

    /// <summary>Shows an answer: as it came, or in words.</summary>
    public void Show<T>(Reply<T> reply, Func<T, string> words)
    {
        if (IsJson) WriteJson(reply.Json);
        else Console.Out.Write(words(reply.Value));
    }

    /// <summary>Shows a list.</summary>
    /// <param name="reply">The list.</param>
    /// <param name="things">What they are, for people who see none.</param>
    /// <param name="columns">Of the table.</param>
    public void ShowList<T>(Reply<IReadOnlyList<T>> reply, string things, params IReadOnlyList<Column<T>> columns)
    {
        if (IsJson) WriteJson(reply.Json);
        else if (reply.Value.Count == 0) Console.Error.WriteLine($"no {things}");
        else Console.Out.Write(Render(reply.Value, columns));
    }

    public string Render<T>(IReadOnlyList<T> rows, params IReadOnlyList<Column<T>> columns) =>
        Table.Render(rows, columns, Terminal.OutputWidth, Parsed.GetValue(CommonOptions.Output) == CommonOptions.Wide);

    public static void WriteJson(JsonElement json)
    {
        using Stream output = Console.OpenStandardOutput();
        using (var writer = new Utf8JsonWriter(output, s_json)) json.WriteTo(writer);
        output.WriteByte((byte)'\n');
    }
}

/// <summary>Makes commands that talk to a server.</summary>
internal static class ClientCommand
{
    public static Command Create(string name, string description, Func<Call, Task> run, params IEnumerable<Symbol> symbols) =>
        Create(name, description, async call =>
        {
            await run(call).ConfigureAwait(false);
            return 0;
        }, symbols);

    /// <summary>One that ends with a status of its own.</summary>
    public static Command Create(string name, string description, Func<Call, Task<int>> run, params IEnumerable<Symbol> symbols)
    {
        var command = new Command(name, description);
        foreach (Symbol symbol in symbols)
        {
            if (symbol is Argument argument) command.Arguments.Add(argument);
            else command.Options.Add((Option)symbol);
        }
        command.Options.Add(CommonOptions.Server);
        command.SetAction(async (parsed, cancel) =>
        {
            using ApiConnection connection = ServerSettings.Find(parsed.GetValue(CommonOptions.Server)).Connect();
            return await run(new Call(parsed, connection, cancel)).ConfigureAwait(false);
        });
        return command;
    }

    /// <summary>A command that shows something, in words or as JSON.</summary>
    public static Command Query(string name, string description, Func<Call, Task> run, params IEnumerable<Symbol> symbols) => Create(name, description, run, [.. symbols, CommonOptions.Output]);
}
