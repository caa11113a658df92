using System.Diagnostics;
using Osv.Bench.Commit;

namespace Osv.Bench.Streams;

/// <summary>Processor time of the parts; between two readings, in cores.</summary>
internal sealed record Usage(double Plane, double Database, double Agents, long At)
{
    public static Usage Now(ControlPlane plane, Swarm swarm, int postmaster) =>
        new(plane.Used.TotalSeconds, ServerTime.Of(postmaster).TotalSeconds, swarm.Used.TotalSeconds, Stopwatch.GetTimestamp());

    public Usage Since(Usage before)
    {
        double seconds = Stopwatch.GetElapsedTime(before.At, At).TotalSeconds;
        return new Usage((Plane - before.Plane) / seconds, (Database - before.Database) / seconds, (Agents - before.Agents) / seconds, At);
    }
}
