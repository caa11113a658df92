using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Osv.Ring0.Tests;

/// <summary>How a QEMU machine with SVM under TCG is to look.</summary>
/// <param name="Boot">QEMU options that name what is booted.</param>
/// <param name="Cores">The value of <c>-smp</c>.</param>
internal sealed record NodeShape(string[] Boot, string Cores, string Memory)
{
    public string Machine { get; init; } = "q35";
    public string Processor { get; init; } = "EPYC-Rome,+svm,+npt,+x2apic";
    public string[] Extra { get; init; } = [];
    /// <summary>A node that has not ended by then hangs. Far above what any takes: no test of how long something takes.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The monitor straight from QEMU's own loader.</summary>
    public static NodeShape Direct(string payload, string cores, string memory, string options = "p0.cores=1") =>
        new(["-kernel", NodeImages.Monitor, "-initrd", payload, "-append", options], cores, memory);
}

/// <summary>One running QEMU machine and what its serial port says. The log is kept under artifacts/test/ring0.</summary>
internal sealed class EmulatedNode : IAsyncDisposable
{
    private readonly string _name;
    private readonly Process _qemu;
    private readonly Task<string> _errors;
    private readonly CancellationTokenSource _deadline;
    private readonly List<string> _lines = [];

    private EmulatedNode(string name, Process qemu, TimeSpan deadline)
    {
        _name = name;
        _qemu = qemu;
        _errors = qemu.StandardError.ReadToEndAsync(CancellationToken.None);
        _deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        _deadline.CancelAfter(deadline);
    }

    public static EmulatedNode Start(string name, NodeShape shape)
    {
        string[] arguments =
        [
            "-machine", shape.Machine, "-accel", "tcg,thread=multi", "-cpu", shape.Processor, "-smp", shape.Cores, "-m", shape.Memory,
            "-display", "none", "-nodefaults", "-serial", "stdio", "-no-reboot",
            // The real-time clock stands still with the machine, and does not jump with the host's.
            "-rtc", "clock=vm", .. shape.Boot, .. shape.Extra,
        ];
        Process qemu = Process.Start(new ProcessStartInfo("qemu-system-x86_64", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        return new EmulatedNode(name, qemu, shape.Deadline);
    }

    /// <summary>Runs a node until it powers off by itself; what its serial port said. Fails with the driver's own words if a step of its scenario failed.</summary>
    public static async Task<string> RunAsync(string name, NodeShape shape)
    {
        await using EmulatedNode node = Start(name, shape);
        await node.ReadAsync(_ => false);
        if (node._lines.Find(line => line.StartsWith("DRIVER failed", StringComparison.Ordinal)) is { } failure)
            throw new InvalidOperationException($"node '{name}': {failure}\nit said:\n{node.Serial}");
        return node.Serial;
    }

    /// <summary>Runs a node until it prints the text, and no longer.</summary>
    public static async Task<string> RunUntilAsync(string name, NodeShape shape, string text)
    {
        await using EmulatedNode node = Start(name, shape);
        await node.WaitForAsync(text);
        return node.Serial;
    }

    public string Serial => string.Join('\n', _lines);

    /// <summary>Returns when a line has the text.</summary>
    public async Task WaitForAsync(string text) =>
        (await ReadAsync(line => line.Contains(text, StringComparison.Ordinal))).ShouldBeTrue($"the node ended without saying '{text}'; it said:\n{Serial}");

    /// <summary>True when a line was the last one wanted, false when the machine ended first.</summary>
    private async Task<bool> ReadAsync(Func<string, bool> isLast)
    {
        try
        {
            while (await _qemu.StandardOutput.ReadLineAsync(_deadline.Token) is { } line)
            {
                _lines.Add(line);
                if (isLast(line)) return true;
            }
            return false;
        }
        catch (OperationCanceledException) when (!TestContext.Current.CancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"the node '{_name}' had not ended by its deadline; it said:\n{Serial}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_qemu.HasExited) _qemu.Kill();
        await _qemu.WaitForExitAsync(CancellationToken.None);
        string folder = Path.Combine(NodeImages.Root, "artifacts", "test", "ring0");
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, $"{_name}.log"), Serial + "\n" + await _errors, CancellationToken.None);
        _qemu.Dispose();
        _deadline.Dispose();
    }

    /// <summary>A loopback port that nobody uses at the moment.</summary>
    public static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
