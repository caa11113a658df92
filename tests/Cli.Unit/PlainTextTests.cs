using System.Text;
using Osv.Cli.Consoles;

namespace Osv.Cli.UnitTests;

public sealed class PlainTextTests
{
    [Theory]
    [InlineData("root@web:~# nproc\r\n2\r\n", "root@web:~# nproc\n2\n")]
    [InlineData("\u001b[?2004hroot\u001b[0;31m!\u001b[m", "root!")]
    [InlineData("\u001b]0;title\u0007a\u001b]2;other\u001b\\b", "ab")]
    [InlineData("\u001b(Ba\tb\u0007\u0008", "a\tb")]
    [InlineData("Grüße\n", "Grüße\n")]
    public void Only_text_is_left(string printed, string text) => new PlainText().Next(Encoding.UTF8.GetBytes(printed)).ShouldBe(text);

    [Fact]
    public void It_does_not_matter_where_the_pieces_are_cut()
    {
        byte[] printed = Encoding.UTF8.GetBytes("\u001b[1;32mgrün\u001b[0m \u001b]0;x\u0007ü\r\n\u001b(B2");
        var whole = new StringBuilder();
        var plain = new PlainText();
        foreach (byte piece in printed) whole.Append(plain.Next([piece]));
        whole.ToString().ShouldBe("grün ü\n2");
    }
}
