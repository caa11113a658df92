using System.Diagnostics;
using System.Net;
using Osv.Images;
using Osv.Netboot;

namespace Osv.Node.Tests;

/// <summary>dnsmasq with our configuration in a network namespace of its own, and a QEMU machine whose firmware asks it.</summary>
public sealed class RackNetworkTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(240);

    /// <summary>
    /// The BIOS machine's card has iPXE in its ROM, which is told the script at once. The UEFI machine asks with the firmware's own
    /// client: it gets iPXE over TFTP first.
    /// </summary>
    [Theory]
    [InlineData("pcbios")]
    [InlineData("efi")]
    public async Task Firmware_comes_to_the_boot_script(string platform)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "network namespaces need root");
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string space = $"osv-{platform}", folder = Directory.CreateTempSubdirectory("osv-netboot").FullName;
        string script = Path.Combine(folder, "www", "netboot", "v1");
        Directory.CreateDirectory(script);
        await File.WriteAllTextAsync(Path.Combine(script, "start.ipxe"), "#!ipxe\nchain http://10.9.0.1/reached/${platform}\n", cancel);
        var network = new RackNetwork("tap0", IPAddress.Parse("10.9.0.1"), new Uri("http://10.9.0.1/netboot/v1/start.ipxe"))
        {
            Range = (IPAddress.Parse("10.9.0.10"), IPAddress.Parse("10.9.0.99"), IPAddress.Parse("255.255.255.0")),
        };
        string configuration = Path.Combine(folder, "dnsmasq.conf");
        await File.WriteAllTextAsync(configuration, DnsmasqConfiguration.Render(network), cancel);
        await Tool.RunAsync("ip", ["netns", "add", space], cancel);
        var running = new List<Process>();
        try
        {
            foreach (string command in (string[])["link set lo up", "tuntap add tap0 mode tap", "addr add 10.9.0.1/24 dev tap0", "link set tap0 up"])
                await Tool.RunAsync("ip", ["-n", space, .. command.Split(' ')], cancel);
            Process web = Start(space, ["busybox", "httpd", "-f", "-vv", "-p", "80", "-h", Path.Combine(folder, "www")]);
            running.Add(web);
            running.Add(Start(space, ["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--user=root", $"--dhcp-leasefile={Path.Combine(folder, "leases")}", $"--conf-file={configuration}"]));
            string[] firmware = platform == "efi" ? ["-bios", "/usr/share/ovmf/OVMF.fd"] : [];
            string card = platform == "efi" ? "virtio-net-pci,netdev=n0,bootindex=0,romfile=" : "virtio-net-pci,netdev=n0,bootindex=0";
            running.Add(Start(space,
                ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-m", "512M", "-display", "none", "-nodefaults", "-no-reboot", .. firmware,
                "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no", "-device", card]));
            (await UntilAsync(web, $"/reached/{platform}", cancel)).ShouldBeTrue();
        }
        finally
        {
            foreach (Process process in running)
            {
                if (!process.HasExited) process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync(CancellationToken.None);
                process.Dispose();
            }
            await Tool.RunAsync("ip", ["netns", "delete", space], CancellationToken.None);
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Process Start(string space, string[] command)
    {
        var process = new Process { StartInfo = new ProcessStartInfo("ip", ["netns", "exec", space, .. command]) { RedirectStandardError = true, RedirectStandardOutput = true } };
        process.Start();
        process.BeginOutputReadLine();
        return process;
    }

    private static async Task<bool> UntilAsync(Process web, string request, CancellationToken cancel)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        deadline.CancelAfter(s_patience);
        var seen = new List<string>();
        try
        {
            while (await web.StandardError.ReadLineAsync(deadline.Token) is { } line)
            {
                seen.Add(line);
                if (line.Contains(request, StringComparison.Ordinal)) return true;
            }
        }
        catch (OperationCanceledException)
        {
            // The message below says what was asked for instead.
        }
        throw new TimeoutException($"nobody asked for {request}; the web server said:\n{string.Join('\n', seen)}");
    }
}
