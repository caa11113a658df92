using Osv.Cli.CommandLine;

namespace Osv.Cli.UnitTests;

public sealed class FormatTests
{
    [Theory]
    [InlineData("512MiB", 512L << 20)]
    [InlineData("2GiB", 2L << 30)]
    [InlineData("2gib", 2L << 30)]
    [InlineData("2G", 2L << 30)]
    [InlineData("1.5GiB", 3L << 29)]
    [InlineData("1 TiB", 1L << 40)]
    [InlineData("64K", 64L << 10)]
    [InlineData("1073741824", 1L << 30)]
    [InlineData("7B", 7)]
    public void A_size_is_read_in_binary_units(string text, long bytes) => Sizes.Parse(text).ShouldBe(bytes);

    [Theory]
    [InlineData("")]
    [InlineData("2GB")]
    [InlineData("GiB")]
    [InlineData("-1GiB")]
    [InlineData("1.2.3GiB")]
    [InlineData("0.3B")]
    [InlineData("1,5GiB")]
    [InlineData("9999999TiB")]
    [InlineData("99999999999999999999999999999999GiB")]
    [InlineData("2GiB more")]
    public void What_is_no_size_is_none(string text) => Sizes.Parse(text).ShouldBeNull();

    [Theory]
    [InlineData(0, "0B")]
    [InlineData(1023, "1023B")]
    [InlineData(1L << 20, "1MiB")]
    [InlineData(3L << 29, "1.5GiB")]
    [InlineData(64L << 40, "64TiB")]
    public void A_size_is_shown_in_the_largest_unit(long bytes, string text) => Sizes.Format(bytes).ShouldBe(text);

    [Theory]
    [InlineData(0.4, "0s")]
    [InlineData(45, "45s")]
    [InlineData(119, "119s")]
    [InlineData(720, "12m")]
    [InlineData(12_000, "3h20m")]
    [InlineData(500_000, "5d")]
    public void An_age_is_shown_in_its_largest_units(double seconds, string text) => Ages.Format(TimeSpan.FromSeconds(seconds)).ShouldBe(text);

    [Fact]
    public void A_table_lines_up_its_columns()
    {
        string table = Table.Render([("web", 2, "runs"), ("database", 16, "")], [new("NAME", row => row.Item1), new("CORES", row => $"{row.Item2}") { IsRight = true }, new("WHY", row => row.Item3) { IsText = true }], null, wide: false);
        table.ShouldBe("NAME      CORES  WHY\nweb           2  runs\ndatabase     16  -\n");
    }

    [Theory]
    [InlineData(80)]
    [InlineData(40)]
    [InlineData(15)]
    public void No_line_of_a_table_is_wider_than_the_terminal(int width)
    {
        string table = Table.Render([new string('x', 200)], [new("NAME", _ => "a-name-of-some-length"), new("REASON", row => row) { IsText = true }], width, wide: false);
        string[] lines = table.TrimEnd().Split('\n');
        lines.ShouldAllBe(line => line.Length <= width);
        lines[1].ShouldEndWith("…");
    }

    [Fact]
    public void Wide_columns_are_shown_only_when_asked_for()
    {
        Column<int>[] columns = [new("A", _ => "a"), new("B", _ => "b") { IsWide = true }];
        Table.Render([1], columns, null, wide: false).ShouldNotContain("B");
        Table.Render([1], columns, null, wide: true).ShouldContain("B");
    }

    [Fact]
    public void What_others_wrote_cannot_steer_the_terminal_or_forge_lines()
    {
        string table = Table.Render(["evil\n\u001b[31mroot\u009b2J"], [new("NAME", row => row)], null, wide: false);
        table.Split('\n').Length.ShouldBe(3);
        table.Any(character => char.IsControl(character) && character != '\n').ShouldBeFalse();
        Terminal.PlainLine("a\tb\u001b[2J\r\u0007").ShouldBe("a\tb[2J");
    }
}
