namespace Osv.Agent.Session;

/// <summary>
/// How long the control plane has not been heard, by a clock that never jumps. Thread-safe.
/// </summary>
public sealed class Lease(TimeProvider time)
{
    private readonly Lock _gate = new();
    private long _contact = time.GetTimestamp();
    private TimeSpan _before;

    /// <summary>Zero: no lease has been given yet, so none expires.</summary>
    public TimeSpan Duration { get; private set; }

    /// <summary>Since the last contact.</summary>
    public TimeSpan Silence
    {
        get
        {
            lock (_gate) return _before + time.GetElapsedTime(_contact);
        }
    }

    public bool HasExpired => Duration > TimeSpan.Zero && Silence > Duration;

    /// <summary>Something has come from the control plane.</summary>
    public void Renew()
    {
        lock (_gate)
        {
            _contact = time.GetTimestamp();
            _before = TimeSpan.Zero;
        }
    }

    public void SetDuration(TimeSpan duration) => Duration = duration;

    /// <summary>An agent that takes over from another: the silence goes on.</summary>
    public void Resume(TimeSpan duration, TimeSpan silence)
    {
        lock (_gate)
        {
            Duration = duration;
            _before = silence;
            _contact = time.GetTimestamp();
        }
    }
}
