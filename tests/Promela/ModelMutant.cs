using System.Text.RegularExpressions;

namespace Osv.Promela;

/// <summary>One change of one line of the model.</summary>
internal sealed partial record ModelMutant(string File, int Line, string Before, string After)
{
    /// <summary>Where functions are described.</summary>
    public const string Devices = "devices.pml";

    /// <summary>Where the monitor's behaviour is described; the rest says what others do and what must hold.</summary>
    private static readonly string[] s_files = ["lifecycle.pml", "icr.pml", "control.pml", "create.pml", Devices];

    private static readonly (string From, string To)[] s_operators =
    [
        (" == ", " != "), (" != ", " == "), (" < ", " <= "), (" >= ", " > "), (" > ", " >= "),
        (" && ", " || "), (" || ", " && "), (" & ", " | "), ("true", "false"), ("false", "true"),
    ];

    /// <summary>Every operator of every line, and every statement that is a line of its own; nothing is chosen by hand.</summary>
    public static IEnumerable<ModelMutant> All()
    {
        foreach (string file in s_files)
        {
            string[] lines = System.IO.File.ReadAllLines(Path.Combine(Spin.Sources, file));
            bool comment = false;
            for (int i = 0; i < lines.Length; i++)
            {
                string line = lines[i];
                bool code = !comment && !line.TrimStart().StartsWith("/*", StringComparison.Ordinal) && !line.StartsWith('#') && !line.Contains("assert", StringComparison.Ordinal);
                if (line.Contains("/*", StringComparison.Ordinal)) comment = true;
                if (line.Contains("*/", StringComparison.Ordinal)) comment = false;
                if (!code) continue;
                foreach ((string from, string to) in s_operators)
                    for (int at = line.IndexOf(from, StringComparison.Ordinal); at >= 0; at = line.IndexOf(from, at + 1, StringComparison.Ordinal))
                        yield return new ModelMutant(file, i, line, line[..at] + to + line[(at + from.Length)..]);
                if (Statement().IsMatch(line)) yield return new ModelMutant(file, i, line, "skip;");
            }
        }
    }

    public void Apply(Spin spin)
    {
        string path = Path.Combine(spin.Folder, File);
        string[] lines = System.IO.File.ReadAllLines(path);
        lines[Line] = After;
        System.IO.File.WriteAllLines(path, lines);
    }

    public override string ToString() => $"{File} | {Before.Trim()} | {After.Trim()}";

    /// <summary>An assignment or the use of an inline, but not of the loop's counter.</summary>
    [GeneratedRegex(@"^\s+(?!i = 0|j = 0|i\+\+|j\+\+)[a-z_]+(\[.*\] = .*|\(.*\)| = .*);$")]
    private static partial Regex Statement();
}
