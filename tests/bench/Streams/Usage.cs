using System.Diagnostics;
using Osv.Bench.Commit;

namespace Osv.Bench.Streams;

/// <summary>Processor time of the parts, from /proc; between two readings, in cores.</summary>
/// <param name="Reader">This process, which sends the reads.</param>
internal sealed record Usage(double Plane, double Database, double Agents, double Reader, long At)
{
    /// <param name="swarm">Null: there are no agents yet.</param>
    public static Usage Now(ControlPlane plane, Swarm? swarm, int postmaster) =>
        new(plane.Used.TotalSeconds, ServerTime.Of(postmaster).TotalSeconds, swarm?.Used.TotalSeconds ?? 0, Environment.CpuUsage.TotalTime.TotalSeconds, Stopwatch.GetTimestamp());

    public Usage Since(Usage before)
    {
        double seconds = Seconds(before);
        return new Usage((Plane - before.Plane) / seconds, (Database - before.Database) / seconds, (Agents - before.Agents) / seconds, (Reader - before.Reader) / seconds, At);
    }

    /// <summary>Milliseconds of host and of PostgreSQL for each of so many answers.</summary>
    public (double Plane, double Database) Each(Usage before, int answers) => ((Plane - before.Plane) * 1000 / answers, (Database - before.Database) * 1000 / answers);

    private double Seconds(Usage before) => Stopwatch.GetElapsedTime(before.At, At).TotalSeconds;
}
