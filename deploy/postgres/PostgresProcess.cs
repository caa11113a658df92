using System.Globalization;

namespace Osv.Postgres;

/// <summary>The server of a folder, as its process file has it.</summary>
internal sealed record PostgresProcess(int Id, int Port)
{
    /// <summary>The server if it runs and is ready; a file left behind by a crash does not count.</summary>
    public static PostgresProcess? Find(PostgresFolder folder)
    {
        // Lines of postmaster.pid: process id, data folder, start time, port, socket folder, listen address, shared memory key, status.
        string[] lines;
        try
        {
            lines = File.ReadAllLines(folder.ProcessFile);
        }
        catch (IOException)
        {
            return null;
        }
        return lines.Length >= 4
            && int.TryParse(lines[0], CultureInfo.InvariantCulture, out int id)
            && int.TryParse(lines[3], CultureInfo.InvariantCulture, out int port)
            && WorksIn(id, folder.Data)
                ? new PostgresProcess(id, port)
                : null;
    }

    /// <summary>
    /// Removes a process file whose process id now belongs to a stranger: PostgreSQL would take that for a running server.
    /// Never while any process still works in the data folder, because the file names the shared memory those use.
    /// </summary>
    public static void ForgetStale(PostgresFolder folder)
    {
        if (!File.Exists(folder.ProcessFile)) return;
        IEnumerable<int> processes = Directory.EnumerateDirectories("/proc").Select(path => int.TryParse(Path.GetFileName(path), CultureInfo.InvariantCulture, out int id) ? id : 0);
        if (!processes.Any(id => id > 0 && WorksIn(id, folder.Data))) File.Delete(folder.ProcessFile);
    }

    /// <summary>A server and its children have the data folder as their working folder.</summary>
    private static bool WorksIn(int process, string folder)
    {
        try
        {
            return File.ResolveLinkTarget($"/proc/{process}/cwd", returnFinalTarget: false)?.FullName == folder;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
