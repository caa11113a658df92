using Microsoft.Extensions.Time.Testing;

namespace Osv.Agent.Tests;

/// <summary>A clock that the test moves, and whose wall time can be stepped without time passing.</summary>
internal sealed class SteppingTime() : FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56))
{
    public TimeSpan Step { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Step;

    /// <summary>The base takes it from <see cref="GetUtcNow"/>, 10 MHz.</summary>
    public override long GetTimestamp() => base.GetTimestamp() - Step.Ticks;
}
