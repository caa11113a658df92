using Osv.Agent.Node;

namespace Osv.Agent.Tests;

public sealed class PaceTests
{
    private readonly SteppingTime _time = new();

    [Fact]
    public void While_something_goes_on_every_look_is_a_round_and_the_next_is_soon()
    {
        var pace = new Pace(_time);
        for (int look = 0; look < 100; look++)
        {
            pace.Look(stirs: true).ShouldBeTrue();
            pace.Next.ShouldBe(Pace.Brisk);
            _time.Advance(pace.Next);
        }
    }

    [Fact]
    public void Where_nothing_goes_on_rounds_are_two_seconds_apart_until_something_does()
    {
        var pace = new Pace(_time);
        _time.Advance(TimeSpan.FromSeconds(10));
        int looks = 0, rounds = 0;
        for (TimeSpan passed = TimeSpan.Zero; passed < TimeSpan.FromSeconds(60); passed += pace.Next)
        {
            looks++;
            if (pace.Look(stirs: false)) rounds++;
            _time.Advance(pace.Next);
        }
        looks.ShouldBe(200);
        rounds.ShouldBe(29, "every seventh look, the first of them with the first");
        pace.Look(stirs: true).ShouldBeTrue("what stirs is looked at now");
        pace.Next.ShouldBe(Pace.Brisk);
        _time.Advance(TimeSpan.FromSeconds(1));
        pace.Look(stirs: false).ShouldBeTrue("it may have more to come");
    }
}
