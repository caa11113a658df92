namespace Osv.Ring0.Tests;

/// <summary>Which functions can reach each other past the IOMMU, behind the bridges that QEMU has.</summary>
public sealed class FunctionGroupTests
{
    [Fact]
    public async Task Functions_that_nothing_keeps_apart_are_one_group_and_what_cannot_be_confined_goes_to_no_tenant()
    {
        NodeShape shape = NodeShape.Direct(NodeImages.Payload("functions", "cloud-6.12"), "2", "1G") with
        {
            Extra =
            [
                "-device", "amd-iommu,intremap=on,xtsup=on,pt=off",
                // Root ports with access control, in one slot; two without, in one slot.
                .. Port("apart1", "4.0", "multifunction=on"), .. Port("apart2", "4.1"), .. Disk("apart1"), .. Disk("apart2"),
                .. Port("open1", "5.0", "disable-acs=on,multifunction=on"), .. Port("open2", "5.1", "disable-acs=on"), .. Disk("open1"), .. Disk("open2"),
                // A switch whose ports have none, below a port that has.
                .. Port("above", "6.0"), "-device", "x3130-upstream,id=switch,bus=above",
                "-device", "xio3130-downstream,id=down1,bus=switch,slot=21,chassis=21", "-device", "xio3130-downstream,id=down2,bus=switch,slot=22,chassis=22", .. Disk("down1"), .. Disk("down2"),
                // What a bridge to conventional PCI leads to asks by the bridge's name.
                "-device", "pci-bridge,id=old,chassis_nr=30,shpc=off,addr=7", "-device", "virtio-net-pci,bus=old,addr=1", "-device", "virtio-net-pci,bus=old,addr=2",
                .. Port("screen", "8.0"), "-device", "VGA,bus=screen",
                .. Disk("pcie.0"),
            ],
        };
        string serial = await EmulatedNode.RunAsync("functions", shape);
        serial.ShouldContain("DRIVER done");
        Function[] functions = [.. serial.Split('\n').Where(line => line.StartsWith("FUNCTION ", StringComparison.Ordinal)).Select(Function.Parse)];

        Function[] disks = [.. functions.Where(function => function.Class == "010802")];
        disks.Length.ShouldBe(7, serial);
        // Behind an open port a function can ask by any name.
        disks.Count(disk => disk.IsAssignable).ShouldBe(3, serial);
        disks.Where(disk => disk.IsAssignable).Select(disk => disk.Group).ShouldBeUnique();
        int[] sizes = [.. disks.GroupBy(disk => disk.Group).Select(group => group.Count()).Order()];
        sizes.ShouldBe([1, 1, 1, 2, 2], "each behind its own port with access control, and on the root bus; two behind open ports; two behind an open switch");
        Function[] old = [.. functions.Where(function => function.Class == "020000" && function.Address[..2] != "00")];
        old.Length.ShouldBe(2, serial);
        old.ShouldAllBe(card => !card.IsAssignable && card.Group == old[0].Group);
        functions.Where(function => function.Class == "030000").ShouldHaveSingleItem().IsAssignable.ShouldBeFalse("it is the machine's console");
    }

    private static string[] Port(string id, string slot, string options = "hotplug=off") =>
        ["-device", $"pcie-root-port,id={id},chassis={slot.Replace(".", string.Empty, StringComparison.Ordinal)},addr={slot},{options}"];

    private static string[] Disk(string bus) => ["-device", $"nvme,bus={bus},serial={bus}"];

    private sealed record Function(string Address, string Class, string Group, bool IsAssignable)
    {
        public static Function Parse(string line) => line.TrimEnd().Split(' ') switch
        {
            [_, string address, _, _, string @class, _, string group, _, string assignable, ..] => new(address, @class, group, assignable == "1"),
            _ => throw new FormatException($"not a function: {line}"),
        };
    }
}
