using System.Security.Cryptography;
using System.Text;

namespace Osv.Postgres;

/// <summary>The files of a cluster below one folder.</summary>
internal sealed class PostgresFolder(string root)
{
    /// <summary>Longest path of a Unix socket, sun_path of unix(7) less the ending zero.</summary>
    private const int LongestSocketPath = 107;

    public string Root { get; } = Path.GetFullPath(root);

    public string Data => Path.Combine(Root, "data");

    /// <summary>A cluster under construction; renamed when complete, so that a crash leaves none that is half made.</summary>
    public string NewData => Path.Combine(Root, "data.new");

    public string Log => Path.Combine(Root, "postgres.log");

    public string Lock => Path.Combine(Root, "lock");

    public string Password => Path.Combine(Root, "password");

    public string ProcessFile => Path.Combine(Data, "postmaster.pid");

    /// <summary>Where the Unix socket is: beside the data, or where that path is too long for a socket, in a temporary folder named after it.</summary>
    public string SocketFolder
    {
        get
        {
            if (Path.Combine(Root, ".s.PGSQL.65535.lock").Length <= LongestSocketPath) return Root;
            string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Root)))[..16];
            return Path.Combine(Path.GetTempPath(), $"osv-postgres-{hash}");
        }
    }

    /// <summary>True: the cluster's owner may enter a folder that exists.</summary>
    public static async Task<bool> IsOpenToOwnerAsync(PostgresPrograms programs, string folder, CancellationToken cancel) =>
        (await programs.RunAsOwnerAsync("/usr/bin/test", ["-x", folder], null, cancel)).Status == 0;

    /// <summary>Makes the folders and gives them to the cluster's owner.</summary>
    public async Task CreateAsync(PostgresPrograms programs, CancellationToken cancel)
    {
        foreach (string folder in new[] { Root, SocketFolder }.Distinct())
        {
            Directory.CreateDirectory(folder);
            if (Environment.IsPrivilegedProcess)
            {
                ProgramResult owned = await PostgresPrograms.RunAsync("chown", [$"{PostgresPrograms.ServerUser}:{PostgresPrograms.ServerUser}", folder], PostgresPrograms.NoEnvironment, null, cancel);
                if (owned.Status != 0) throw new PostgresException($"{folder} could not be given to user {PostgresPrograms.ServerUser}: {owned.Error.Trim()}");
            }
            File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            if (!await IsOpenToOwnerAsync(programs, folder, cancel))
            {
                throw new PostgresException($"user {PostgresPrograms.ServerUser}, as whom root runs PostgreSQL, cannot reach {folder}: use a folder whose parents are open to everyone (chmod o+x), such as one under /var/lib");
            }
        }
    }
}
