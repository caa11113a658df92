namespace Osv.Agent.Node;

/// <summary>
/// How often the agent looks: often while something goes on, seldom while nothing does. The node has no interrupt for what its partitions do, and a
/// look costs time of the management core. Not thread-safe.
/// </summary>
public sealed class Pace(TimeProvider time)
{
    /// <summary>Between two looks; the longest that nothing is noticed is <see cref="Calm"/>.</summary>
    public static readonly TimeSpan Brisk = TimeSpan.FromMilliseconds(50), Calm = TimeSpan.FromMilliseconds(300);

    /// <summary>Between two whole rounds while nothing goes on: what only time changes.</summary>
    private static readonly TimeSpan s_round = TimeSpan.FromSeconds(2);

    /// <summary>After the last that went on: longer than a console must be silent to have said its last (<see cref="Consoles.ConsoleHub"/>).</summary>
    private static readonly TimeSpan s_winding = TimeSpan.FromSeconds(2.5);

    private long _stirred = time.GetTimestamp(), _round;
    private bool _calm;

    /// <summary>Until the next look.</summary>
    public TimeSpan Next => _calm ? Calm : Brisk;

    /// <param name="stirs">Something goes on.</param>
    /// <returns>Whether this look is a whole round.</returns>
    public bool Look(bool stirs)
    {
        if (stirs) _stirred = time.GetTimestamp();
        _calm = time.GetElapsedTime(_stirred) >= s_winding;
        if (_calm && _round != 0 && time.GetElapsedTime(_round) < s_round) return false;
        _round = time.GetTimestamp();
        return true;
    }
}
