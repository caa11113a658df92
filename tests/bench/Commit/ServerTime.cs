using System.Globalization;

namespace Osv.Bench.Commit;

/// <summary>Processor time of a PostgreSQL server with all its processes, living and ended.</summary>
internal static class ServerTime
{
    /// <summary>Clock ticks of /proc, USER_HZ: 100 a second on every Linux of today.</summary>
    private const double TicksPerSecond = 100;

    public static TimeSpan Of(int postmaster)
    {
        double ticks = 0;
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out int process)) continue;
            string[] fields;
            try
            {
                string line = File.ReadAllText(Path.Combine(folder, "stat"));
                // Fields from the third on; the second, the name, may hold blanks.
                fields = line[(line.LastIndexOf(')') + 2)..].Split(' ');
            }
            catch (IOException)
            {
                continue;
            }
            // proc(5): ppid is field 4, utime and stime are 14 and 15, cutime and cstime of ended children 16 and 17.
            if (process == postmaster) ticks += Field(14) + Field(15) + Field(16) + Field(17);
            else if (Field(4) == postmaster) ticks += Field(14) + Field(15);

            double Field(int number) => double.Parse(fields[number - 3], CultureInfo.InvariantCulture);
        }
        return TimeSpan.FromSeconds(ticks / TicksPerSecond);
    }
}
