using System.CommandLine;
using Osv.Cli.Cloud;
using Osv.Cli.CommandLine;
using Osv.Postgres;

namespace Osv.Cli.Database;

/// <summary><c>osv db backup FILE</c> and <c>osv db restore FILE</c>.</summary>
internal static class DatabaseCommand
{
    public static Command Create()
    {
        var connection = new Option<string?>("--connection")
        {
            Description = "Keywords or address (postgresql://...) of another database than this working copy's; the password comes from PGPASSWORD or ~/.pgpass.",
        };
        var target = new Argument<string>("file") { Description = "The file to write; it must not exist." };
        var backup = new Command("backup", "Save the database into one file while everything runs on.") { target, connection };
        backup.SetAction((result, cancel) => RunAsync(() => BackupAsync(result.GetRequiredValue(target), result.GetValue(connection), cancel)));

        var source = new Argument<string>("file") { Description = "A file that 'osv db backup' wrote." };
        var force = new Option<bool>("--force") { Description = "Delete what the database holds now." };
        var restore = new Command("restore", "Fill the database from a file, all of it or nothing.") { source, force, connection };
        restore.SetAction((result, cancel) => RunAsync(() => RestoreAsync(result.GetRequiredValue(source), result.GetValue(force), result.GetValue(connection), cancel)));

        return new Command("db", "Save and restore the control plane's database.") { backup, restore };
    }

    private static Task BackupAsync(string file, string? connection, CancellationToken cancel) =>
        WithDatabaseAsync(connection, mayCreate: false, async target =>
        {
            await PostgresBackup.SaveAsync(target, file, cancel).ConfigureAwait(false);
            Console.WriteLine($"saved the database to {file} ({new FileInfo(file).Length} bytes)");
        }, cancel);

    private static Task RestoreAsync(string file, bool force, string? connection, CancellationToken cancel)
    {
        // It would go on with what it remembers of the database before.
        if (connection is null && HostProcess.Of(new CloudHome(Repository.Home)).Id is not null) throw new CommandException("the control plane of this working copy runs: 'osv down' first, then restore, then 'osv up'");
        return WithDatabaseAsync(connection, mayCreate: true, async target =>
        {
            await PostgresBackup.RestoreAsync(target, file, force, cancel).ConfigureAwait(false);
            Console.WriteLine($"restored the database from {file}");
        }, cancel);
    }

    /// <summary>Uses the named database, or that of the working copy, whose cluster is started for the time being if it does not run.</summary>
    private static async Task WithDatabaseAsync(string? connection, bool mayCreate, Func<PostgresTarget, Task> work, CancellationToken cancel)
    {
        if (connection is not null)
        {
            await work(new PostgresTarget(connection, null)).ConfigureAwait(false);
            return;
        }
        string folder = await PostgresHome.FolderAsync(Repository.Home, cancel).ConfigureAwait(false);
        if (!mayCreate && !PostgresCluster.Exists(folder)) throw new PostgresException($"there is no database in {folder}: 'osv up' makes it, or name another with --connection");
        PostgresCluster cluster = await PostgresCluster.StartAsync(new PostgresOptions { Folder = folder }, cancel).ConfigureAwait(false);
        try
        {
            await cluster.EnsureDatabaseAsync(PostgresHome.Database, cancel).ConfigureAwait(false);
            await work(cluster.Target(PostgresHome.Database)).ConfigureAwait(false);
        }
        finally
        {
            if (!cluster.WasRunning) await cluster.StopAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }

    private static async Task<int> RunAsync(Func<Task> command)
    {
        try
        {
            await command().ConfigureAwait(false);
            return 0;
        }
        catch (PostgresException error)
        {
            await Console.Error.WriteLineAsync($"osv: {error.Message}").ConfigureAwait(false);
            return 1;
        }
    }
}
