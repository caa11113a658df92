using System.Globalization;

namespace Osv.Postgres;

/// <summary>The settings of a cluster, written anew at each start.</summary>
internal static class PostgresSettings
{
    private const string PortKey = "port = ";

    public static async Task WriteAsync(PostgresFolder folder, PostgresOptions options, int port, CancellationToken cancel)
    {
        string own = OwnFile(folder), main = Path.Combine(folder.Data, "postgresql.conf");
        // Durability is PostgreSQL's default and stays on: a placement that was acknowledged must survive a power cut.
        await File.WriteAllTextAsync(
            own,
            string.Create(
                CultureInfo.InvariantCulture,
                $"""
                listen_addresses = '127.0.0.1'
                {PortKey}{port}
                unix_socket_directories = '{folder.SocketFolder}'
                unix_socket_permissions = 0700
                max_connections = {options.MaxConnections}
                shared_buffers = {options.SharedBuffersMebibytes}MB
                max_wal_size = 2GB
                fsync = on
                synchronous_commit = on
                password_encryption = scram-sha-256
                timezone = UTC
                log_timezone = UTC

                """),
            cancel);
        File.SetUnixFileMode(own, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        const string include = "include 'osv.conf'";
        if (!(await File.ReadAllTextAsync(main, cancel)).Contains(include, StringComparison.Ordinal)) await File.AppendAllTextAsync(main, include + "\n", cancel);
    }

    public static int? LastPort(PostgresFolder folder) =>
        File.Exists(OwnFile(folder))
        && File.ReadLines(OwnFile(folder)).FirstOrDefault(line => line.StartsWith(PortKey, StringComparison.Ordinal)) is { } line
        && int.TryParse(line.AsSpan(PortKey.Length), CultureInfo.InvariantCulture, out int port)
            ? port
            : null;

    private static string OwnFile(PostgresFolder folder) => Path.Combine(folder.Data, "osv.conf");
}
