using Osv.Monitor.Guards.Count;

namespace Osv.Monitor.Guards.Tests;

public sealed class CountTests
{
    [Theory]
    [InlineData("", 0)]
    [InlineData("int a;\n\n   \nint b;", 2)]
    [InlineData("// only a comment\n/// <summary>text</summary>\nint a; // behind code\n", 1)]
    [InlineData("/* one\n two */\n/* three */ int a; /* four\n*/ int b;\n", 2)]
    [InlineData("{\n}\n#if X\n#endif\n", 4)]
    [InlineData("var a = \"// no comment\";\nvar b = '\"'; // comment\nvar c = \"\\\"/*\";\nint d;\n", 4)]
    [InlineData("var a = @\"one \"\" /*\ntwo\";\nint b; /* x\n*/\n", 3)]
    [InlineData("var a = \"\"\"\n  // in the text \"\" */\n  /*\n  \"\"\";\n// out\nint b;\n", 5)]
    public void Lines_of_CSharp_are_those_that_hold_code(string text, int lines) => LineCounter.CSharp(text).ShouldBe(lines);

    [Theory]
    [InlineData("; a comment\n\n  mov eax, ebx ; why\nlabel:\n", 2)]
    [InlineData("  db ';', \"; no comment\" ; comment\n  db \"'\" ;\n%macro x 0\n%endmacro\n", 4)]
    public void Lines_of_assembly_are_those_that_hold_code(string text, int lines) => LineCounter.Assembly(text).ShouldBe(lines);

    [Fact]
    public void The_count_takes_the_listed_sources_all_assembly_and_the_image()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("osv-count-");
        try
        {
            string Put(string name, string text)
            {
                string path = Path.Combine(folder.FullName, name);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                File.WriteAllText(path, text);
                return path;
            }

            string one = Put("One.cs", "int a;\n// x\nint b;\n"), two = Put("Two.cs", "int c;\n");
            Put("NotListed.cs", "int d;\n");
            Put("boot/long/entry.asm", "; x\n  ret\n");
            Put("boot/layout.inc", "A equ 1\nB equ 2\n");
            Put("boot/monitor.ld", "SECTIONS { }\n");
            TrustedBase.Measure([one, two, ""], Path.Combine(folder.FullName, "boot"), Put("image", "12345")).ShouldBe(new TrustedBase(3, 3, 5));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void Within_the_limits_nothing_is_said() => new TrustedBase(3_999, 699, TrustedBase.MaxImageBytes).Check().ShouldBeEmpty();

    [Theory]
    [InlineData(4_700, 1, 1, "4700 lines of C#, the limit is 4699")]
    [InlineData(1, 700, 1, "700 lines of assembly, the limit is 699")]
    [InlineData(1, 1, 163_841, "the image has 163841 bytes, the limit is 163840")]
    public void Each_limit_ends_the_build(int csharp, int assembly, long image, string words) =>
        new TrustedBase(csharp, assembly, image).Check().ShouldHaveSingleItem().ToString().ShouldStartWith($"monitor: error TrustedBase: {words}; ");
}
