using System.Text.Json;
using System.Text.Json.Serialization;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Access;

/// <summary>A token for one server. It must never be printed.</summary>
/// <param name="User">Whose token it is.</param>
/// <param name="ExpiresAt">When the server stops to accept it.</param>
internal sealed record Credential(string User, string Token, DateTimeOffset ExpiresAt);

/// <summary>
/// Who is signed in where: ~/.config/osv/credentials.json ($XDG_CONFIG_HOME is heeded), readable by its owner alone. Tokens are kept by server, so
/// that none is ever sent to another server than the one that issued it.
/// </summary>
internal sealed class Credentials
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly CredentialFile _content;

    private Credentials(CredentialFile content) => _content = content;

    public static string File { get; } = Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CONFIG_HOME") is { Length: > 0 } configuration ? configuration : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config"),
        "osv", "credentials.json");

    /// <summary>The server signed in to last; null: none yet.</summary>
    public Uri? Current => _content.Current;

    /// <exception cref="CommandException">The file is damaged, or others may read it.</exception>
    public static Credentials Load()
    {
        try
        {
            if (!System.IO.File.Exists(File)) return new Credentials(new CredentialFile(null, []));
            if ((System.IO.File.GetUnixFileMode(File) & ~OwnerOnly) != 0) throw new CommandException($"{File} holds tokens and others may use it: run 'chmod 600 {File}'");
            return new Credentials(JsonSerializer.Deserialize(System.IO.File.ReadAllBytes(File), CredentialJson.Default.CredentialFile) ?? throw new JsonException());
        }
        catch (JsonException damaged)
        {
            throw new CommandException($"{File} is damaged: delete it and sign in anew with 'osv login'", damaged);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"{File} cannot be read ({refused.Message}): give it to this user or set OSV_SERVER and OSV_TOKEN", refused);
        }
    }

    /// <summary>The token for a server; null: not signed in there.</summary>
    public Credential? Find(Uri server) => _content.Servers.GetValueOrDefault(Key(server));

    /// <summary>Keeps a token and makes its server the current one.</summary>
    /// <exception cref="CommandException">The file cannot be written.</exception>
    public void Save(Uri server, Credential credential)
    {
        Write(new CredentialFile(server, new Dictionary<string, Credential>(_content.Servers, StringComparer.Ordinal) { [Key(server)] = credential }));
        _content.Servers[Key(server)] = credential;
    }

    /// <summary>Keeps the token for a server no longer; the file goes with its last one.</summary>
    /// <exception cref="CommandException">The file cannot be written.</exception>
    public void Forget(Uri server)
    {
        if (!_content.Servers.Remove(Key(server))) return;
        if (_content.Servers.Count == 0) System.IO.File.Delete(File);
        else Write(_content with { Current = _content.Current is { } current && Key(current) == Key(server) ? null : _content.Current });
    }

    private static void Write(CredentialFile content)
    {
        string passing = $"{File}.{Environment.ProcessId}";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(File)!, OwnerOnly | UnixFileMode.UserExecute);
            // Replaced whole, so that a command that reads meanwhile sees the old file or the new one.
            using (var stream = new FileStream(passing, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = OwnerOnly }))
            {
                JsonSerializer.Serialize(stream, content, CredentialJson.Default.CredentialFile);
            }
            System.IO.File.Move(passing, File, overwrite: true);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"{File} cannot be written ({refused.Message}): make the folder writable, or set OSV_SERVER and OSV_TOKEN instead of signing in", refused);
        }
    }

    private static string Key(Uri server) => server.GetLeftPart(UriPartial.Authority);
}

/// <param name="Current">The server signed in to last.</param>
/// <param name="Servers">By scheme, host and port.</param>
internal sealed record CredentialFile(Uri? Current, Dictionary<string, Credential> Servers);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(CredentialFile))]
internal sealed partial class CredentialJson : JsonSerializerContext;
