namespace Osv.Cli.Tests;

/// <summary>What a rack of real machines needs, from the command line.</summary>
public sealed class NetbootCommandTests
{
    private static readonly string[] s_common = ["netboot", "dnsmasq", "--interface", "rack0", "--server", "10.9.0.1", "--netboot", "http://10.9.0.1:5081"];

    [Fact]
    public async Task Dnsmasq_gives_out_addresses_or_only_what_booting_needs()
    {
        using var osv = new Osv();
        string whole = (await osv.RunAsync([.. s_common, "--first", "10.9.0.10", "--last", "10.9.0.99", "--mask", "255.255.255.0"])).Succeeded().Output;
        whole.ShouldContain("interface=rack0\n");
        whole.ShouldContain("dhcp-range=10.9.0.10,10.9.0.99,255.255.255.0,1h\n");
        whole.ShouldContain("dhcp-boot=tag:ipxe,http://10.9.0.1:5081/netboot/v1/start.ipxe,,10.9.0.1\n");
        (await osv.RunAsync([.. s_common, "--proxy", "10.9.0.0"])).Succeeded().Output.ShouldContain("dhcp-range=10.9.0.0,proxy\n");
    }

    [Theory]
    [InlineData("give either --first, --last and --mask, or --proxy", "--first", "10.9.0.10")]
    [InlineData("give either --first, --last and --mask, or --proxy", "--first", "10.9.0.10", "--last", "10.9.0.99", "--mask", "255.255.255.0", "--proxy", "10.9.0.0")]
    [InlineData("is no http address", "--proxy", "10.9.0.0", "--netboot", "https://10.9.0.1")]
    [InlineData("is no name of a network interface", "--proxy", "10.9.0.0", "--interface", "eth0\ndhcp-script=/bin/sh")]
    public async Task What_dnsmasq_could_not_use_is_refused(string reason, params string[] options)
    {
        using var osv = new Osv();
        string[] common = options.Contains("--netboot") ? s_common[..6] : options.Contains("--interface") ? [.. s_common[..2], .. s_common[4..]] : s_common;
        (await osv.RunAsync([.. common, .. options])).Refused().ShouldContain(reason);
    }

    [Fact]
    public async Task An_address_that_is_none_is_named()
    {
        using var osv = new Osv();
        (await osv.RunAsync([.. s_common, "--proxy", "10.9.0"])).Refused(2).ShouldContain("--proxy");
        (await osv.RunAsync([.. s_common, "--proxy", "ten"])).Refused(2).ShouldContain("--proxy ten is no IPv4 address");
    }
}
