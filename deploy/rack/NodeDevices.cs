using System.Globalization;
using System.Text.RegularExpressions;

namespace Osv.Rack;

/// <summary>
/// The PCI functions of a virtual node, behind an IOMMU: the card that it boots from, and what tenants can own. Disks reset themselves. A card of
/// virtio can only be reset with a bus, so each has a bridge of its own: a conventional one, as QEMU before 10.2 has its IOMMU take all that is
/// behind a root port for function 00:00.0, whose bus had no number yet when the machine was made.
/// </summary>
internal sealed partial class NodeDevices(VirtualNodeShape shape, string folder)
{
    /// <summary>Slots of root bus 0: the boot card comes first, so that it is the management partition's.</summary>
    private const int BootSlot = 2, FirstSlot = 8;

    /// <summary>The form of virtio that an IOMMU can confine.</summary>
    private const string Confined = "disable-legacy=on,iommu_platform=on";

    public IEnumerable<string> QemuArguments()
    {
        yield return "-device";
        yield return "amd-iommu,intremap=on,xtsup=on,pt=off";
        yield return "-device";
        yield return Invariant($"virtio-net-pci,netdev=net0,id=nic0,mac={shape.MacAddress},{Confined},addr={BootSlot:x}");
        for (int nic = 0; nic < shape.Nics; nic++)
        {
            foreach (string netdev in ServerOf(nic).Append(Invariant($"hubport,id=card{nic},hubid={CardHub(nic)}")))
            {
                yield return "-netdev";
                yield return netdev;
            }
            yield return "-device";
            yield return Invariant($"pci-bridge,id=bridge{nic},chassis_nr={nic + 1},shpc=off,addr={FirstSlot + nic:x}");
            yield return "-device";
            yield return Invariant($"virtio-net-pci,bus=bridge{nic},addr=1,netdev=card{nic},mac={shape.MacOf(nic)},{Confined},romfile=");
        }
        for (int disk = 0; disk < shape.Disks; disk++)
        {
            yield return "-drive";
            yield return Invariant($"if=none,id=disk{disk},format=raw,discard=unmap,detect-zeroes=unmap,file={Escaped(DiskFile(disk))}");
            yield return "-device";
            yield return Invariant($"nvme,drive=disk{disk},serial={shape.Name}-{disk},addr={FirstSlot + shape.Nics + disk:x}");
        }
    }

    /// <summary>Whoever is in the tenant reaches nothing of this machine; it is reached by SSH from the loopback.</summary>
    private IEnumerable<string> ServerOf(int nic) =>
    [
        Invariant($"user,id=tenant{nic},restrict=on,ipv6=off,net={CardAddresses.Network},host={CardAddresses.Server},dns={CardAddresses.NameServer},dhcpstart={CardAddresses.LeaseOf(shape.Number, nic)},hostfwd=tcp:127.0.0.1:0-:22"),
        Invariant($"hubport,id=tenant{nic}port,hubid={ServerHub(nic)},netdev=tenant{nic}"),
        Invariant($"dgram,id=server{nic},local.type=unix,local.path={Escaped(CableOf(nic).Server.Node)},remote.type=unix,remote.path={Escaped(CableOf(nic).Server.Switch)}"),
        Invariant($"hubport,id=server{nic}port,hubid={ServerHub(nic)},netdev=server{nic}"),
    ];

    /// <summary>A hub of QEMU is what a cable can be plugged into while the machine runs.</summary>
    public static int CardHub(int nic) => nic;

    private static int ServerHub(int nic) => VirtualNodeShape.MostDevices + nic;

    public Cable CableOf(int nic) => new(shape.MacOf(nic), Ends("nic", nic), Ends("srv", nic));

    private CableEnds Ends(string kind, int nic) => new(Path.Combine(folder, Invariant($"{kind}{nic}.node")), Path.Combine(folder, Invariant($"{kind}{nic}.switch")));

    /// <summary>The card at a PCI address; null: there is none.</summary>
    public int? CardAt(string address)
    {
        for (int nic = 0; nic < shape.Nics; nic++)
            if (AddressOf(nic) == address) return nic;
        return null;
    }

    /// <summary>Firmware numbers the buses behind bridges by the order of their slots.</summary>
    private static string AddressOf(int nic) => Invariant($"0000:{nic + 1:x2}:01.0");

    private string DiskFile(int disk) => Path.Combine(folder, Invariant($"disk{disk}.img"));

    /// <summary>Their files take no room before something is written.</summary>
    public void CreateDisks()
    {
        for (int disk = 0; disk < shape.Disks; disk++)
        {
            using var file = new FileStream(DiskFile(disk), FileMode.OpenOrCreate);
            if (file.Length == 0) file.SetLength(shape.DiskBytes);
        }
    }

    /// <param name="network">What QEMU's monitor says to <c>info usernet</c>.</param>
    public static IReadOnlyDictionary<string, int> SshPorts(string network)
    {
        var ports = new SortedDictionary<string, int>(StringComparer.Ordinal);
        int? nic = null;
        foreach (string line in network.Split('\n'))
        {
            if (NetworkLine().Match(line) is { Success: true } named) nic = named.Groups[1].Success ? int.Parse(named.Groups[1].Value, CultureInfo.InvariantCulture) : null;
            if (nic is { } number && ForwardLine().Match(line) is { Success: true } forward)
                ports[AddressOf(number)] = int.Parse(forward.Groups[1].Value, CultureInfo.InvariantCulture);
        }
        return ports;
    }

    /// <summary>A comma ends a value of QEMU's options.</summary>
    private static string Escaped(string path) => path.Replace(",", ",,", StringComparison.Ordinal);

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    [GeneratedRegex(@"^Hub -?\d+ \((?:tenant(\d+)|[^)]*)\):")]
    private static partial Regex NetworkLine();

    [GeneratedRegex(@"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s")]
    private static partial Regex ForwardLine();
}
