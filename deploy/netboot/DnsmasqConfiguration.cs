using System.Net;
using System.Text;

namespace Osv.Netboot;

/// <summary>The network that a rack boots from.</summary>
/// <param name="Interface">Where dnsmasq answers, and nowhere else.</param>
/// <param name="Server">Address of the boot server there.</param>
/// <param name="Start">Address of the first iPXE script.</param>
public sealed record RackNetwork(string Interface, IPAddress Server, Uri Start)
{
    /// <summary>Addresses to give out; null: another DHCP server gives them, and dnsmasq adds boot information only (proxy DHCP).</summary>
    public (IPAddress First, IPAddress Last, IPAddress Mask)? Range { get; init; }

    /// <summary>Needed for proxy DHCP: the network's own address.</summary>
    public IPAddress? Network { get; init; }

    /// <summary>Folder with undionly.kpxe and ipxe.efi, as the Debian package ipxe has them.</summary>
    public string BootFiles { get; init; } = "/usr/lib/ipxe";
}

/// <summary>
/// Configuration of dnsmasq (dnsmasq(8)): firmware gets iPXE over TFTP, the BIOS or the UEFI one by its architecture (RFC 4578,
/// option 93), and iPXE, which says so in option 175 and its user class, gets the script.
/// </summary>
public static class DnsmasqConfiguration
{
    public static string Render(RackNetwork network)
    {
        var text = new StringBuilder();
        void Line(string line) => text.Append(line).Append('\n');
        Line("# Written by OSV Cloud. DHCP and TFTP for netboot; no DNS.");
        Line("port=0");
        Line($"interface={network.Interface}");
        Line("bind-interfaces");
        Line("except-interface=lo");
        Line("log-dhcp");
        Line("enable-tftp");
        Line("tftp-no-blocksize");
        Line($"tftp-root={network.BootFiles}");
        bool proxy = network.Range is null;
        if (network.Range is { } range) Line($"dhcp-range={range.First},{range.Last},{range.Mask},1h");
        else Line($"dhcp-range={network.Network ?? throw new ArgumentException("proxy DHCP needs the network's address")},proxy");
        Line("dhcp-match=set:ipxe,175");
        Line("dhcp-userclass=set:ipxe,iPXE");
        foreach (int architecture in (int[])[6, 7, 9]) Line($"dhcp-match=set:efi,option:client-arch,{architecture}");
        if (proxy)
        {
            // The PXE menu of one entry: firmware takes it at once.
            Line("pxe-prompt=\"OSV Cloud\",0");
            Line("pxe-service=tag:!ipxe,x86PC,\"OSV Cloud\",undionly.kpxe");
            foreach (string architecture in (string[])["X86-64_EFI", "BC_EFI"]) Line($"pxe-service=tag:!ipxe,{architecture},\"OSV Cloud\",ipxe.efi");
        }
        else
        {
            Line($"dhcp-boot=tag:!ipxe,tag:!efi,undionly.kpxe,,{network.Server}");
            Line($"dhcp-boot=tag:!ipxe,tag:efi,ipxe.efi,,{network.Server}");
        }
        Line($"dhcp-boot=tag:ipxe,{network.Start},,{network.Server}");
        return text.ToString();
    }
}
