using System.Diagnostics;
using System.Globalization;

namespace Osv.Postgres;

/// <summary>What a program printed and how it ended.</summary>
internal sealed record ProgramResult(int Status, string Output, string Error);

/// <summary>PostgreSQL's own programs. The server refuses to run as root, so root runs them as user postgres.</summary>
internal sealed class PostgresPrograms
{
    /// <summary>The account that Debian's package makes.</summary>
    public const string ServerUser = "postgres";

    /// <summary>Nothing beside what we have ourselves.</summary>
    public static readonly IReadOnlyDictionary<string, string> NoEnvironment = new Dictionary<string, string>();

    private const int OldestVersion = 15;

    private readonly string _folder;

    private PostgresPrograms(string folder) => _folder = folder;

    /// <summary>The newest PostgreSQL installed, 15 or later.</summary>
    /// <exception cref="PostgresException">None is installed.</exception>
    public static PostgresPrograms Find(string installations = PostgresOptions.DebianInstallations)
    {
        IEnumerable<(int Version, string Folder)> installed =
            from folder in Directory.Exists(installations) ? Directory.EnumerateDirectories(installations) : []
            let version = int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out int number) ? number : 0
            where version >= OldestVersion && File.Exists(Path.Combine(folder, "bin", "postgres"))
            orderby version descending
            select (version, Path.Combine(folder, "bin"));
        return installed.FirstOrDefault() is (> 0, string found)
            ? new PostgresPrograms(found)
            : throw new PostgresException($"PostgreSQL {OldestVersion} or later is not installed in {installations}: install it with 'apt-get install postgresql'");
    }

    /// <summary>Runs a program that must be the owner of the cluster: user postgres when we are root, else we ourselves.</summary>
    public Task<ProgramResult> RunAsOwnerAsync(string program, IReadOnlyList<string> arguments, string? input, CancellationToken cancel) =>
        Environment.IsPrivilegedProcess
            ? RunAsync("setpriv", [$"--reuid={ServerUser}", $"--regid={ServerUser}", "--init-groups", PathOf(program), .. arguments], NoEnvironment, input, cancel)
            : RunAsync(PathOf(program), arguments, NoEnvironment, input, cancel);

    /// <summary>Runs a client program as ourselves.</summary>
    public Task<ProgramResult> RunAsync(string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, CancellationToken cancel) =>
        RunAsync(PathOf(program), arguments, environment, null, cancel);

    /// <summary>Runs a program of the system.</summary>
    public static async Task<ProgramResult> RunAsync(string file, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, string? input, CancellationToken cancel)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // The owner may not be allowed to be where we are.
            WorkingDirectory = "/",
        };
        // Messages are looked at, and no setting of the caller's may lead to another server.
        start.Environment["LC_ALL"] = "C";
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("PG", StringComparison.Ordinal) && name is not "PGPASSWORD" and not "PGPASSFILE").ToArray()) start.Environment.Remove(name);
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        using Process process = Process.Start(start) ?? throw new PostgresException($"{file} did not start");
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancel), error = process.StandardError.ReadToEndAsync(cancel);
        try
        {
            if (input is not null) await process.StandardInput.WriteAsync(input.AsMemory(), cancel);
            process.StandardInput.Close();
            await process.WaitForExitAsync(cancel);
            return new ProgramResult(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
    }

    private string PathOf(string program) => program.Contains('/', StringComparison.Ordinal) ? program : Path.Combine(_folder, program);
}
