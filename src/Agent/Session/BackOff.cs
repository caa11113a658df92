using System.Security.Cryptography;

namespace Osv.Agent.Session;

/// <summary>Doubling waits with jitter, so that a thousand nodes do not come back at once. Not thread-safe.</summary>
public sealed class BackOff(TimeSpan first, TimeSpan longest)
{
    private int _tries;

    /// <summary>Between half of the step and all of it.</summary>
    public TimeSpan Next()
    {
        double step = Math.Min(longest.TotalMilliseconds, first.TotalMilliseconds * Math.Pow(2, Math.Min(_tries++, 20)));
        return TimeSpan.FromMilliseconds(step / 2 + RandomNumberGenerator.GetInt32((int)(step / 2) + 1));
    }

    public void Reset() => _tries = 0;
}
