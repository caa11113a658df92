using Osv.Cli.CommandLine;
using Osv.Postgres;
using Osv.Rack;

namespace Osv.Cli.Cloud;

/// <summary>The folder with everything of one cloud: settings, keys, logs, rack. <c>down --purge</c> deletes it.</summary>
internal sealed class CloudHome(string folder)
{
    public string Folder { get; } = folder;
    public string Settings => Path.Combine(Folder, "cloud.json");
    public string Keys => Path.Combine(Folder, "keys");

    /// <summary>The first administrator's password until it has been shown.</summary>
    public string FirstPassword => Path.Combine(Folder, "first-password");

    /// <summary>The token that <c>osv up</c> works with.</summary>
    public string Token => Path.Combine(Folder, "token");

    public string HostLog => Path.Combine(Folder, "host.log");
    public string HostProcess => Path.Combine(Folder, "host.pid");
    public string SwitchLog => Path.Combine(Folder, "switch.log");
    public string SwitchProcess => Path.Combine(Folder, "switch.pid");

    /// <summary>Where the rack's switch is told what to do; in a folder that it keeps to its owner.</summary>
    public string SwitchSocket => Path.Combine(Folder, "switch", "api.sock");

    public string RackFolder => Path.Combine(Folder, "rack");
    public VirtualRack Rack => new(RackFolder);

    public Task<string> PostgresFolderAsync(CancellationToken cancel) => PostgresHome.FolderAsync(Folder, cancel);

    public void Create()
    {
        Directory.CreateDirectory(Folder);
        // PostgreSQL, which root runs as another user, must be able to pass; what is secret has a mode of its own.
        File.SetUnixFileMode(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
    }

    /// <summary>One <c>up</c> or <c>down</c> at a time.</summary>
    /// <exception cref="CommandException">Another one is at work.</exception>
    public FileStream Lock()
    {
        try
        {
            return new FileStream(Path.Combine(Folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new CommandException($"another 'osv up' or 'osv down' is at work in {Folder}: wait until it has ended");
        }
    }

    /// <summary>A file that only its owner may read.</summary>
    public static void WriteSecret(string file, string content)
    {
        using var stream = new FileStream(file, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        stream.Write(System.Text.Encoding.UTF8.GetBytes(content));
    }
}
