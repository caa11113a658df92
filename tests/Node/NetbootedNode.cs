using System.Diagnostics;
using System.Text;

namespace Osv.Node.Tests;

/// <summary>One QEMU machine with SVM under TCG that boots from its network card, and its serial console. Root is not needed.</summary>
internal sealed class NetbootedNode : IAsyncDisposable
{
    private readonly string _name;
    private readonly Process _qemu;
    private readonly Task _reading;
    private readonly StringBuilder _serial = new();
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();

    private NetbootedNode(string name, Process qemu)
    {
        _name = name;
        _qemu = qemu;
        _reading = ReadAsync();
    }

    /// <param name="network">QEMU options: -netdev and -device.</param>
    public static NetbootedNode Start(string name, int cores, string memory, string serial, Guid uuid, params string[] network)
    {
        string[] arguments =
        [
            "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "EPYC-Rome,+svm,+npt,+x2apic", "-smp", $"{cores}", "-m", memory,
            "-display", "none", "-nodefaults", "-no-reboot", "-serial", "stdio", "-smbios", $"type=1,serial={serial},uuid={uuid}", .. network,
        ];
        var start = new ProcessStartInfo("qemu-system-x86_64", arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        return new NetbootedNode(name, Process.Start(start)!);
    }

    /// <summary>A card behind QEMU's user network, told by its DHCP where the first script is.</summary>
    public static string[] UserNetwork(Uri script, string device = "virtio-net-pci,disable-legacy=on", string mac = "52:54:00:0a:0b:0c") =>
        ["-netdev", $"user,id=n0,bootfile={script}", "-device", $"{device},netdev=n0,mac={mac},bootindex=0"];

    public string Serial
    {
        get
        {
            lock (_gate) return _serial.ToString();
        }
    }

    public bool HasExited => _qemu.HasExited;

    private async Task ReadAsync()
    {
        var buffer = new char[4096];
        while (await _qemu.StandardOutput.ReadAsync(buffer) is var count and > 0)
        {
            lock (_gate)
            {
                _serial.Append(buffer, 0, count);
                _more.TrySetResult();
                _more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }

    public async Task TypeAsync(string line)
    {
        await _qemu.StandardInput.WriteAsync(line + "\n");
        await _qemu.StandardInput.FlushAsync();
    }

    /// <summary>Waits until the serial console has said something new after <paramref name="after"/> characters; where it ends.</summary>
    public async Task<int> WaitForAsync(string text, TimeSpan most, int after = 0)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(most);
        while (true)
        {
            Task more;
            lock (_gate)
            {
                int at = _serial.ToString().IndexOf(text, Math.Min(after, _serial.Length), StringComparison.Ordinal);
                if (at >= 0) return at + text.Length;
                more = _more.Task;
            }
            try
            {
                await more.WaitAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"the node did not say '{text}' within {most.TotalSeconds:0} s; it said:\n{Serial}");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_qemu.HasExited) _qemu.Kill();
        await _qemu.WaitForExitAsync();
        await _reading;
        string folder = Path.Combine(NodeFixture.Root, "artifacts", "test", "node");
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, $"{_name}.log"), Serial);
        _qemu.Dispose();
    }
}
