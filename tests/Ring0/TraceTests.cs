using Osv.Contracts.ControlDevice;
using Osv.Ring0.Driver;

namespace Osv.Ring0.Tests;

/// <summary>
/// The compiler is inside the check: what the shipped image does in ring 0 with a trace of control requests is what the same
/// policy does when it is compiled for this host, answer by answer, event by event, table by table.
/// </summary>
public sealed class TraceTests
{
    private const int Steps = 600;

    [Theory]
    [InlineData(null)]
    [InlineData("spin")]
    public async Task Ring_0_and_the_hosted_policy_agree_on_every_step_of_a_trace(string? ofTheModel)
    {
        string name = ofTheModel == null ? "trace" : $"trace-{ofTheModel}";
        string? file = ofTheModel == null ? null : Path.Combine(NodeImages.Root, "monitor", "model", "traces", $"{ofTheModel}.txt");
        NodeShape shape = NodeShape.Direct(NodeImages.Payload("trace", "cloud-6.12", trace: file), "5", "1G", "p0.cores=1 p0.memory=384M");
        string serial = await EmulatedNode.RunAsync(name, shape);
        serial.ShouldContain("DRIVER done");
        var lines = new Lines(serial);
        HostedMonitor hosted = Node(lines);

        var statuses = new HashSet<ControlStatus>();
        var causes = new HashSet<ulong>();
        int step = 0;
        for (; lines.Kind == 'T'; step++)
        {
            ulong[] words = lines.Take('T');
            string what = $"step {step}, {(ControlOperation)words[0]} of partition {words[1]}";
            ControlRequest request = default;
            (ControlStatus status, uint index) = hosted.Execute((uint)TraceWords.Into(ref request, words), in request);
            lines.Take('A').ShouldBe([(ulong)status, index], what);
            statuses.Add(status);
            hosted.Settle();
            while (lines.Kind == 'G')
            {
                ulong[] end = lines.Take('G');
                hosted.End((int)end[0], (EventKind)end[1], (StopCause)end[2], (uint)end[3]);
                hosted.Settle();
                causes.Add(end[2]);
            }
            foreach (ulong[] item in hosted.TakeEvents()) lines.Take('E').ShouldBe(item, $"event of {what}");
            foreach (ulong[] item in hosted.Table()) lines.Take('S').ShouldBe(item, $"partition table after {what}");
            lines.Take('C').ShouldBe(hosted.Owners, $"owners of the cores after {what}");
        }
        step.ShouldBe(file == null ? Steps : File.ReadLines(file).Count());
        // A trace in which nothing happened would prove nothing.
        statuses.ShouldContain(ControlStatus.Ok);
        statuses.Count.ShouldBeGreaterThan(10, string.Join(", ", statuses));
        causes.ShouldNotBeEmpty();
    }

    private static HostedMonitor Node(Lines lines)
    {
        var cores = new List<(uint, uint, ushort)>();
        var memory = new List<MemoryEntry>();
        var management = new List<MemoryExtent>();
        while (lines.Kind == 'N')
        {
            ulong[] core = lines.Take('N');
            cores.Add(((uint)core[0], (uint)core[1], (ushort)core[2]));
        }
        while (lines.Kind == 'M')
        {
            ulong[] range = lines.Take('M');
            memory.Add(new MemoryEntry { HostAddress = range[0], Bytes = range[1] });
        }
        while (lines.Kind == 'X')
        {
            ulong[] extent = lines.Take('X');
            management.Add(new MemoryExtent { GuestAddress = extent[0], HostAddress = extent[1], Bytes = extent[2] });
        }
        return new HostedMonitor(cores, [.. memory], management);
    }

    /// <summary>The lines TRACE of a node's serial port (Driver/TraceScenarios.cs).</summary>
    private sealed class Lines(string serial)
    {
        private readonly string[][] _lines = [.. serial.Split('\n').Where(line => line.StartsWith("TRACE ", StringComparison.Ordinal)).Select(line => line.TrimEnd().Split(' ')[1..])];
        private int _next;

        /// <summary>That of the next line; blank at the end.</summary>
        public char Kind => _next < _lines.Length ? _lines[_next][0][0] : ' ';

        public ulong[] Take(char kind)
        {
            Kind.ShouldBe(kind, $"line {_next} of the trace");
            return TraceWords.Read(string.Join(' ', _lines[_next++][1..]));
        }
    }
}
