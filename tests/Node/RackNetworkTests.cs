using System.Diagnostics;
using System.Net;
using System.Threading.Channels;
using Osv.Images;
using Osv.Netboot;

namespace Osv.Node.Tests;

/// <summary>dnsmasq with our configuration in a network namespace of its own, and a QEMU machine whose firmware asks it.</summary>
public sealed class RackNetworkTests : IAsyncLifetime
{
    private const string AddressesGivenOut = "10.9.0.10,10.9.0.99,255.255.255.0";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(240);
    private readonly string _folder = Directory.CreateTempSubdirectory("osv-netboot").FullName;
    /// <summary>Namespaces are the machine's: what an ended run left behind, or one beside this, must not be in the way.</summary>
    private readonly string _rack, _site;
    private readonly List<string> _spaces = [];
    private readonly List<Process> _running = [];
    private readonly Channel<string> _said = Channel.CreateUnbounded<string>();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public RackNetworkTests()
    {
        string own = Path.GetFileName(_folder);
        _rack = $"{own}-rack";
        _site = $"{own}-site";
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (Process process in _running)
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            process.Dispose();
        }
        foreach (string space in _spaces) await Tool.RunAsync("ip", ["netns", "delete", space], CancellationToken.None);
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>
    /// A vendor's ROM and the firmware's own client get iPXE over TFTP, and that the script: from us alone, or from us where to boot and from
    /// the site's DHCP server, which knows nothing of it, the address.
    /// </summary>
    [Theory]
    [InlineData("pcbios", "undionly", false)]
    [InlineData("pcbios", "undionly", true)]
    [InlineData("efi", "", false)]
    [InlineData("efi", "", true)]
    public async Task Firmware_comes_to_the_boot_script(string platform, string chip, bool proxy)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "network namespaces need root");
        await MakeNetworkAsync(proxy);
        var network = new RackNetwork("rack0", IPAddress.Parse("10.9.0.1"), new Uri("http://10.9.0.1/netboot/v1/start.ipxe"));
        string[] range = AddressesGivenOut.Split(',');
        string configuration = Path.Combine(_folder, "dnsmasq.conf");
        await File.WriteAllTextAsync(configuration, DnsmasqConfiguration.Render(proxy
            ? network with { Network = IPAddress.Parse("10.9.0.0") }
            : network with { Range = (IPAddress.Parse(range[0]), IPAddress.Parse(range[1]), IPAddress.Parse(range[2])) }), Cancel);
        Start(_rack, ["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--user=root", $"--pid-file={_folder}/rack.pid", $"--dhcp-leasefile={_folder}/leases", $"--conf-file={configuration}"]);
        string script = Path.Combine(_folder, "www", "netboot", "v1");
        Directory.CreateDirectory(script);
        await File.WriteAllTextAsync(Path.Combine(script, "start.ipxe"), "#!ipxe\nchain http://10.9.0.1/reached/${platform}/${net0/chip}\n", Cancel);
        Start(_rack, ["busybox", "httpd", "-f", "-vv", "-p", "80", "-h", Path.Combine(_folder, "www")]);

        await using var card = new LegacyCard(_folder);
        string[] machine = platform == "efi"
            ? ["-bios", "/usr/share/ovmf/OVMF.fd", "-device", "virtio-net-pci,netdev=n0,bootindex=0,romfile="]
            : [.. card.Wire("n0"), "-device", "e1000,netdev=n0,bootindex=0"];
        Start(_rack, ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-m", "512M", "-display", "none", "-nodefaults", "-no-reboot", "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no", .. machine]);
        await UntilAsync($"/reached/{platform}/{chip}");
        if (platform == "pcbios") card.BootProgram.ShouldBe("undionly.kpxe");
    }

    /// <summary>A switch, the machine's cable and ourselves; where the site gives out addresses, its server in a namespace of its own.</summary>
    private async Task MakeNetworkAsync(bool proxy)
    {
        await AddSpaceAsync(_rack);
        await IpAsync(_rack, "link set lo up", "link add rack0 type bridge", "addr add 10.9.0.1/24 dev rack0", "tuntap add tap0 mode tap", "link set tap0 master rack0", "link set tap0 up", "link set rack0 up");
        if (!proxy) return;
        await AddSpaceAsync(_site);
        await IpAsync(_rack, $"link add to-site type veth peer name site0 netns {_site}", "link set to-site master rack0", "link set to-site up");
        await IpAsync(_site, "addr add 10.9.0.2/24 dev site0", "link set site0 up");
        Start(_site, ["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--user=root", "--conf-file=/dev/null", "--port=0", "--interface=site0", "--bind-interfaces", $"--pid-file={_folder}/site.pid", $"--dhcp-leasefile={_folder}/site-leases", $"--dhcp-range={AddressesGivenOut},1h"]);
    }

    private async Task AddSpaceAsync(string name)
    {
        await Tool.RunAsync("ip", ["netns", "add", name], Cancel);
        _spaces.Add(name);
    }

    private static async Task IpAsync(string space, params string[] commands)
    {
        foreach (string command in commands) await Tool.RunAsync("ip", ["-n", space, .. command.Split(' ')], Cancel);
    }

    private void Start(string space, string[] command)
    {
        var process = new Process { StartInfo = new ProcessStartInfo("ip", ["netns", "exec", space, .. command]) { RedirectStandardError = true, RedirectStandardOutput = true } };
        process.OutputDataReceived += (_, said) => Hear(said.Data);
        process.ErrorDataReceived += (_, said) => Hear(said.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _running.Add(process);

        void Hear(string? line)
        {
            if (line is not null) _said.Writer.TryWrite($"{space} {command[0]}: {line}");
        }
    }

    /// <param name="request">To the web server.</param>
    private async Task UntilAsync(string request)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        deadline.CancelAfter(s_patience);
        var seen = new List<string>();
        try
        {
            await foreach (string line in _said.Reader.ReadAllAsync(deadline.Token))
            {
                seen.Add(line);
                if (line.Contains(request, StringComparison.Ordinal)) return;
            }
        }
        catch (OperationCanceledException)
        {
            // The message below says what came instead.
        }
        throw new TimeoutException($"nobody asked for {request}; what was said:\n{string.Join('\n', seen)}");
    }
}
