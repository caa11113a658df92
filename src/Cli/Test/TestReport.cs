using System.Globalization;
using System.Xml.Linq;

namespace Osv.Cli.Test;

/// <summary>Counts of tests.</summary>
internal sealed record TestTotals(int Passed, int Failed, int Skipped)
{
    public static TestTotals operator +(TestTotals a, TestTotals b) => new(a.Passed + b.Passed, a.Failed + b.Failed, a.Skipped + b.Skipped);
}

/// <summary>A test worth naming: failed, with its message, or skipped, with its reason.</summary>
internal sealed record TestOutcome(string Name, string Message);

/// <summary>What the XML report of an xunit v3 run says (format: xunit.net, "XML format v2").</summary>
/// <param name="Figures">Lines that tests wrote.</param>
internal sealed record TestReport(TestTotals Totals, IReadOnlyList<TestOutcome> Failures, IReadOnlyList<TestOutcome> Skips, IReadOnlyList<string> Figures)
{
    public static TestReport Read(string path) => Parse(XDocument.Load(path));

    public static TestReport Parse(XDocument document)
    {
        var totals = new TestTotals(0, 0, 0);
        foreach (XElement assembly in document.Descendants("assembly"))
        {
            // An error outside any test (a fixture that would not be disposed) counts as a failure.
            totals += new TestTotals(Number(assembly, "passed"), Number(assembly, "failed") + Number(assembly, "errors"), Number(assembly, "skipped") + Number(assembly, "not-run"));
        }
        IEnumerable<TestOutcome> failures = document.Descendants("test").Where(test => (string?)test.Attribute("result") == "Fail")
            .Select(test => new TestOutcome((string?)test.Attribute("name") ?? "?", (string?)test.Element("failure")?.Element("message") ?? "no message"));
        IEnumerable<TestOutcome> errors = document.Descendants("error")
            .Select(error => new TestOutcome((string?)error.Attribute("name") ?? "outside any test", (string?)error.Descendants("message").FirstOrDefault() ?? "no message"));
        IEnumerable<TestOutcome> skips = document.Descendants("test").Where(test => (string?)test.Attribute("result") is "Skip" or "NotRun")
            .Select(test => new TestOutcome((string?)test.Attribute("name") ?? "?", Reason(test)));
        IEnumerable<string> figures = document.Descendants("test").SelectMany(test => ((string?)test.Element("output") ?? string.Empty).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        return new TestReport(totals, [.. failures, .. errors], [.. skips], [.. figures]);
    }

    private static string Reason(XElement test) => (string?)test.Attribute("result") == "NotRun" ? "explicit: runs only when asked for by name" : (string?)test.Element("reason") ?? "no reason given";

    private static int Number(XElement element, string attribute) => int.Parse((string?)element.Attribute(attribute) ?? "0", CultureInfo.InvariantCulture);
}
