namespace Osv.Web.Console.Tests;

public sealed class FormatTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(1L << 30, "1 GiB")]
    [InlineData(150L << 30, "150 GiB")]
    [InlineData(5L << 50, "5 PiB")]
    public void Sizes_are_short_and_exact_where_they_can_be(long bytes, string text) => Format.Bytes(bytes).ShouldBe(text);

    [Theory]
    [InlineData(0, "now")]
    [InlineData(-12, "12 s ago")]
    [InlineData(45, "in 45 s")]
    [InlineData(-600, "10 min ago")]
    [InlineData(-7200, "2 h ago")]
    [InlineData(-259200, "3 d ago")]
    public void Times_are_told_from_now(int seconds, string text)
    {
        DateTimeOffset now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        Format.Relative(now.AddSeconds(seconds), now).ShouldBe(text);
    }

    [Theory]
    [InlineData(new int[0], "none")]
    [InlineData(new[] { 4 }, "4")]
    [InlineData(new[] { 0, 1, 2, 3 }, "0-3")]
    [InlineData(new[] { 0, 2, 4, 5, 6, 9 }, "0, 2, 4-6, 9")]
    public void Ids_are_told_in_ranges(int[] ids, string text) => Format.Ranges(ids).ShouldBe(text);

    [Theory]
    [InlineData(0, "0 ms")]
    [InlineData(340, "340 ms")]
    [InlineData(12_400, "12 s")]
    public void How_long_something_took_is_never_now(int milliseconds, string text) => Format.Duration(TimeSpan.FromMilliseconds(milliseconds)).ShouldBe(text);

    [Theory]
    [InlineData(10_000, 10_000, "10,000")]
    [InlineData(12, 10_000, "12 of 10,000")]
    public void A_part_of_a_list_is_told_with_the_whole(int fitting, int all, string text) => Format.Part(fitting, all).ShouldBe(text);
}
