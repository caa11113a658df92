using System.Globalization;
using System.Security.Cryptography;

namespace Osv.Postgres;

/// <summary>What a cluster should be like.</summary>
public sealed record PostgresOptions
{
    /// <summary>Everything of the cluster lies below it.</summary>
    public required string Folder { get; init; }

    /// <summary>TCP port on 127.0.0.1. Null: the one it had last, else any free one.</summary>
    public int? Port { get; init; }

    public int SharedBuffersMebibytes { get; init; } = 256;

    public int MaxConnections { get; init; } = 200;

    /// <summary>Where Debian's packages put PostgreSQL, one folder a version.</summary>
    public const string DebianInstallations = "/usr/lib/postgresql";

    /// <summary>The newest version below it is used.</summary>
    public string Installations { get; init; } = DebianInstallations;
}

/// <summary>
/// A PostgreSQL cluster of our own. It outlives the process that starts it, is picked up by the next, and recovers after a crash.
/// Databases belong to the role <see cref="Role"/>, which is no superuser; nobody can log in as superuser.
/// </summary>
public sealed class PostgresCluster
{
    /// <summary>The role that owns our databases.</summary>
    public const string Role = "osv";

    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);

    private readonly PostgresPrograms _programs;
    private readonly PostgresFolder _folder;
    private readonly string _password;

    private PostgresCluster(PostgresPrograms programs, PostgresFolder folder, PostgresProcess process, string password, bool wasRunning)
    {
        _programs = programs;
        _folder = folder;
        _password = password;
        Port = process.Port;
        ProcessId = process.Id;
        WasRunning = wasRunning;
    }

    public int Port { get; }

    /// <summary>The server's first process.</summary>
    public int ProcessId { get; }

    /// <summary>True: it ran already when it was asked for.</summary>
    public bool WasRunning { get; }

    /// <summary>How Npgsql reaches a database, over the Unix socket.</summary>
    public string ConnectionString(string database) =>
        $"Host={_folder.SocketFolder};Port={Port};Database={database};Username={Role};Password={_password}";

    /// <summary>How Npgsql reaches a database over TCP on the loopback interface.</summary>
    public string TcpConnectionString(string database) =>
        $"Host=127.0.0.1;Port={Port};Database={database};Username={Role};Password={_password};SSL Mode=Disable";

    /// <summary>How libpq programs reach a database; the password goes through the environment.</summary>
    public PostgresTarget Target(string database) =>
        new($"host='{_folder.SocketFolder}' port={Port} dbname='{database}' user={Role}", _password);

    /// <summary>Makes the cluster if there is none, starts it if it does not run, and returns when it answers.</summary>
    /// <exception cref="PostgresException">It cannot be had; the message says why and what to do.</exception>
    public static async Task<PostgresCluster> StartAsync(PostgresOptions options, CancellationToken cancel)
    {
        PostgresPrograms programs = PostgresPrograms.Find(options.Installations);
        var folder = new PostgresFolder(options.Folder);
        await folder.CreateAsync(programs, cancel);
        using FileStream exclusive = await LockAsync(folder, cancel);
        if (await FindAnsweringAsync(programs, folder, cancel) is { } running)
        {
            if (options.Port is { } wanted && wanted != running.Port)
            {
                throw new PostgresException($"PostgreSQL in {folder.Root} runs on port {running.Port}, not {wanted}: stop it first, or ask for that port");
            }
            return new PostgresCluster(programs, folder, running, await File.ReadAllTextAsync(folder.Password, cancel), wasRunning: true);
        }
        int port = ChoosePort(options.Port, PostgresSettings.LastPort(folder));
        if (!Directory.Exists(folder.Data)) await InitialiseAsync(programs, folder, cancel);
        await PostgresSettings.WriteAsync(folder, options, port, cancel);
        await LaunchAsync(programs, folder, port, cancel);
        PostgresProcess started = PostgresProcess.Find(folder) ?? throw new PostgresException($"PostgreSQL in {folder.Root} ended right after its start: see {folder.Log}");
        return new PostgresCluster(programs, folder, started, await File.ReadAllTextAsync(folder.Password, cancel), wasRunning: false);
    }

    /// <summary>The cluster in a folder if it runs; null if not.</summary>
    public static PostgresCluster? FindRunning(string folder)
    {
        var files = new PostgresFolder(folder);
        return PostgresProcess.Find(files) is { } running
            ? new PostgresCluster(PostgresPrograms.Find(), files, running, File.ReadAllText(files.Password), wasRunning: true)
            : null;
    }

    /// <summary>True where a cluster was made.</summary>
    public static bool Exists(string folder) => Directory.Exists(new PostgresFolder(folder).Data);

    /// <summary>Makes a database that belongs to <see cref="Role"/>, if there is none of that name.</summary>
    public async Task EnsureDatabaseAsync(string database, CancellationToken cancel)
    {
        PostgresTarget maintenance = Target("postgres");
        if (await PostgresBackup.QueryAsync(_programs, maintenance, $"SELECT 1 FROM pg_database WHERE datname = '{database}'", cancel) != "1")
        {
            await PostgresBackup.QueryAsync(_programs, maintenance, $"CREATE DATABASE \"{database}\"", cancel);
        }
    }

    /// <summary>Ends open transactions, writes everything out and returns when the server is gone. Does nothing when it does not run.</summary>
    public Task StopAsync(CancellationToken cancel) => StopAsync("fast", cancel);

    private async Task StopAsync(string mode, CancellationToken cancel)
    {
        using FileStream exclusive = await LockAsync(_folder, cancel);
        if (PostgresProcess.Find(_folder) is null) return;
        ProgramResult stopped = await _programs.RunAsOwnerAsync("pg_ctl", ["stop", "-D", _folder.Data, "-m", mode, "-w", "-t", "60"], null, cancel);
        if (stopped.Status != 0 && PostgresProcess.Find(_folder) is { } still)
        {
            throw new PostgresException($"PostgreSQL in {_folder.Root} (process {still.Id}) did not stop within 60 s: see {_folder.Log}");
        }
    }

    /// <summary>Stops the server of a folder if it runs, and deletes everything.</summary>
    public static async Task DeleteAsync(string folder, CancellationToken cancel)
    {
        var files = new PostgresFolder(folder);
        // Without writing out what is about to be deleted.
        if (FindRunning(folder) is { } running) await running.StopAsync("immediate", cancel);
        if (Directory.Exists(files.Root)) Directory.Delete(files.Root, recursive: true);
        if (Directory.Exists(files.SocketFolder)) Directory.Delete(files.SocketFolder, recursive: true);
        // A folder of the cloud's own around it, as PostgresHome makes one where the cloud's home is closed.
        if (Path.GetDirectoryName(files.Root) is { } around && Directory.Exists(around) && !Directory.EnumerateFileSystemEntries(around).Any()) Directory.Delete(around);
    }

    private static async Task<FileStream> LockAsync(PostgresFolder folder, CancellationToken cancel)
    {
        long start = Environment.TickCount64;
        while (true)
        {
            try
            {
                return new FileStream(folder.Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException held) when (held is not FileNotFoundException and not DirectoryNotFoundException)
            {
                if (Environment.TickCount64 - start > StartPatience.TotalMilliseconds * 2)
                {
                    throw new PostgresException($"another process has been starting or stopping PostgreSQL in {folder.Root} for two minutes: see which holds {folder.Lock}", held);
                }
                await Task.Delay(50, cancel);
            }
        }
    }

    private static async Task InitialiseAsync(PostgresPrograms programs, PostgresFolder folder, CancellationToken cancel)
    {
        if (Directory.Exists(folder.NewData)) Directory.Delete(folder.NewData, recursive: true);
        string password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
        await File.WriteAllTextAsync(folder.Password, password, cancel);
        File.SetUnixFileMode(folder.Password, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        ProgramResult made = await programs.RunAsOwnerAsync(
            "initdb",
            // Nobody may log in until the rules below say who; the superuser never may.
            ["-D", folder.NewData, "-U", "postgres", "--auth=reject", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-instructions"],
            null,
            cancel);
        if (made.Status != 0) throw new PostgresException($"no PostgreSQL cluster could be made in {folder.Root}: {OneLine(made.Error)}");
        ProgramResult role = await programs.RunAsOwnerAsync(
            "postgres",
            ["--single", "-D", folder.NewData, "postgres"],
            // Single-user mode takes one statement a line.
            $"CREATE ROLE {Role} LOGIN CREATEDB PASSWORD '{password}'\nGRANT pg_monitor, pg_checkpoint TO {Role}\n",
            cancel);
        if (role.Status != 0 || role.Error.Contains("ERROR", StringComparison.Ordinal)) throw new PostgresException($"the role {Role} could not be made in {folder.Root}: {OneLine(role.Error)}");
        await File.WriteAllTextAsync(
            Path.Combine(folder.NewData, "pg_hba.conf"),
            $"""
            local all {Role} scram-sha-256
            host all {Role} 127.0.0.1/32 scram-sha-256

            """,
            cancel);
        Directory.Move(folder.NewData, folder.Data);
    }

    private static async Task LaunchAsync(PostgresPrograms programs, PostgresFolder folder, int port, CancellationToken cancel)
    {
        long start = Environment.TickCount64;
        while (true)
        {
            PostgresProcess.ForgetStale(folder);
            long logged = File.Exists(folder.Log) ? new FileInfo(folder.Log).Length : 0;
            ProgramResult started = await programs.RunAsOwnerAsync(
                "pg_ctl",
                ["start", "-D", folder.Data, "-l", folder.Log, "-w", "-t", StartPatience.TotalSeconds.ToString(CultureInfo.InvariantCulture), "-s"],
                null,
                cancel);
            if (started.Status == 0) return;
            string log = await ReadFromAsync(folder.Log, logged, cancel);
            // Children of a server that was killed live on for a moment, and the next must wait until they are gone.
            bool orphans = log.Contains("shared memory block", StringComparison.Ordinal) || log.Contains("lock file \"postmaster.pid\" already exists", StringComparison.Ordinal);
            if (!orphans || Environment.TickCount64 - start > StartPatience.TotalMilliseconds)
            {
                throw new PostgresException(
                    log.Contains("Address already in use", StringComparison.Ordinal)
                        ? $"port {port} on 127.0.0.1 is taken by another program: stop that or choose another port"
                        : $"PostgreSQL in {folder.Root} did not start: {OneLine(log.Length > 0 ? log : started.Error)} (see {folder.Log})");
            }
            await Task.Delay(100, cancel);
        }
    }

    /// <summary>The server of the folder once it takes connections; null when there is none, or when it ends while it is waited for.</summary>
    private static async Task<PostgresProcess?> FindAnsweringAsync(PostgresPrograms programs, PostgresFolder folder, CancellationToken cancel)
    {
        long start = Environment.TickCount64;
        while (PostgresProcess.Find(folder) is { } running)
        {
            ProgramResult ready = await programs.RunAsync("pg_isready", ["-q", "-h", "127.0.0.1", "-p", running.Port.ToString(CultureInfo.InvariantCulture), "-t", "5"], PostgresPrograms.NoEnvironment, cancel);
            if (ready.Status == 0) return running;
            if (Environment.TickCount64 - start > StartPatience.TotalMilliseconds)
            {
                throw new PostgresException($"PostgreSQL in {folder.Root} (process {running.Id}) has not taken connections for {StartPatience.TotalSeconds} s: see {folder.Log}");
            }
            await Task.Delay(100, cancel);
        }
        return null;
    }

    /// <summary>The port to use: the one asked for, which must be free, or the last one if it is, or any that is.</summary>
    private static int ChoosePort(int? wanted, int? last)
    {
        if (wanted is { } port) return LoopbackPort.IsFree(port) ? port : throw new PostgresException($"port {port} on 127.0.0.1 is taken by another program: stop that or choose another port");
        return LoopbackPort.FreeOr(last);
    }

    private static async Task<string> ReadFromAsync(string file, long offset, CancellationToken cancel)
    {
        if (!File.Exists(file)) return "";
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        stream.Seek(offset, SeekOrigin.Begin);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(cancel);
    }

    /// <summary>What a program had to say, or the errors of it, for a sentence.</summary>
    private static string OneLine(string text)
    {
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string[] errors = [.. lines.Where(line => line.Contains("FATAL:", StringComparison.Ordinal) || line.Contains("error:", StringComparison.OrdinalIgnoreCase))];
        return string.Join("; ", errors.Length > 0 ? errors : lines);
    }
}
