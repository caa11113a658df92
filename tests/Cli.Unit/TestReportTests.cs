using System.Xml.Linq;
using Osv.Cli.Test;

namespace Osv.Cli.UnitTests;

/// <summary>What <c>osv test</c> reads from the report of a test program.</summary>
public sealed class TestReportTests
{
    private const string Report =
        """
        <assemblies><assembly passed="1" failed="1" skipped="1" not-run="1" errors="0"><collection>
        <test name="A" result="Pass"><output>3 states
        depth 2
        </output></test>
        <test name="B" result="Fail"><failure><message>2 is not 3</message></failure></test>
        <test name="C" result="Skip"><reason>no KVM here</reason></test>
        <test name="D" result="NotRun"/>
        </collection></assembly></assemblies>
        """;

    [Fact]
    public void Every_test_that_did_not_pass_is_named_with_its_reason()
    {
        TestReport report = TestReport.Parse(XDocument.Parse(Report));
        report.Totals.ShouldBe(new TestTotals(1, 1, 2));
        report.Figures.ShouldBe(["3 states", "depth 2"]);
        report.Failures.ShouldBe([new TestOutcome("B", "2 is not 3")]);
        report.Skips.ShouldBe([new TestOutcome("C", "no KVM here"), new TestOutcome("D", "explicit: runs only when asked for by name")]);
    }
}
