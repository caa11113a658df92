namespace Osv.Rack.Tests;

/// <summary>Real QEMU machines that really ask for their boot script.</summary>
public sealed class VirtualRackTests : IAsyncDisposable
{
    private const int DeadlineMilliseconds = 120_000;
    private readonly string _folder = Directory.CreateTempSubdirectory("rack").FullName;
    private readonly VirtualRack _rack;

    public VirtualRackTests() => _rack = new VirtualRack(_folder);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        foreach (VirtualNode node in _rack.Nodes) await _rack.RemoveAsync(node, CancellationToken.None);
        Directory.Delete(_folder, recursive: true);
    }

    [Fact(Timeout = DeadlineMilliseconds)]
    public async Task A_node_boots_from_the_network_and_says_who_it_is()
    {
        await using BootServer server = await BootServer.StartAsync();
        VirtualNode node = _rack.Add(new VirtualNodeShape("alpha", 2, 1L << 30));
        await node.PowerOnAsync(server.Script, Cancel);
        string identity = $"{node.Shape.MacAddress.Replace(':', '-')} OSV-alpha {node.Shape.Uuid}";
        (await server.Boots.ReadAsync(Cancel)).ShouldBe(identity);

        await node.ResetAsync(Cancel);
        (await server.Boots.ReadAsync(Cancel)).ShouldBe(identity, "the reset button boots it again");

        new VirtualRack(_folder).Nodes.Single().ProcessId.ShouldBe(node.ProcessId, "another program finds the running node");
        await node.PowerOnAsync(server.Script, Cancel);
        await node.PowerOffAsync(Cancel);
        node.IsOn.ShouldBeFalse();
        (await File.ReadAllTextAsync(node.SerialLog, Cancel)).ShouldContain("boot.ipxe");
        await node.PowerOffAsync(Cancel);
    }

    [Fact(Timeout = DeadlineMilliseconds)]
    public async Task A_node_has_cards_and_disks_for_tenants_and_a_way_to_each_card()
    {
        await using BootServer server = await BootServer.StartAsync();
        VirtualNode node = _rack.Add(new VirtualNodeShape("gamma", 1, 1L << 30) { Nics = 2, Disks = 1, DiskBytes = 64 << 20 });
        await node.PowerOnAsync(server.Script, Cancel);
        (await server.Boots.ReadAsync(Cancel)).ShouldStartWith(node.Shape.MacAddress.Replace(':', '-'), Case.Sensitive, "it boots from its own card, not from a tenant's");
        IReadOnlyDictionary<string, int> ports = await node.SshPortsAsync(Cancel);
        ports.Keys.ShouldBe(["0000:01:01.0", "0000:02:01.0"]);
        ports.Values.Distinct().Count().ShouldBe(2);
        using (var client = new System.Net.Sockets.TcpClient()) await client.ConnectAsync(System.Net.IPAddress.Loopback, ports.Values.First(), Cancel);
        string disk = Path.Combine(_folder, "gamma", "disk0.img");
        new FileInfo(disk).Length.ShouldBe(64 << 20);
        await File.WriteAllTextAsync(disk, "kept", Cancel);
        await node.PowerOffAsync(Cancel);
        await node.PowerOnAsync(server.Script, Cancel);
        (await File.ReadAllTextAsync(disk, Cancel)).ShouldStartWith("kept");
    }

    [Fact(Timeout = DeadlineMilliseconds)]
    public async Task A_node_without_its_cable_finds_nobody_and_says_so()
    {
        await using BootServer server = await BootServer.StartAsync();
        VirtualNode node = _rack.Add(new VirtualNodeShape("beta", 1, 1L << 30));
        await node.PowerOnAsync(server.Script, Cancel);
        await server.Boots.ReadAsync(Cancel);
        await node.SetNetworkAsync(connected: false, Cancel);
        await node.ResetAsync(Cancel);
        await WaitForSerialAsync(node, "No more network devices");
        await node.SetNetworkAsync(connected: true, Cancel);
        await node.ResetAsync(Cancel);
        (await server.Boots.ReadAsync(Cancel)).ShouldContain("OSV-beta");
    }

    [Fact]
    public async Task What_cannot_be_built_is_refused_in_one_sentence()
    {
        Should.Throw<RackException>(() => _rack.Add(new VirtualNodeShape("a b", 1, 1L << 30))).Message.ShouldContain("'a b' is no name");
        Should.Throw<RackException>(() => _rack.Add(new VirtualNodeShape("c", 3, 1L << 30) { Cells = 2 })).Message.ShouldContain("3 cores do not divide over 2 cells");
        Should.Throw<RackException>(() => _rack.Add(new VirtualNodeShape("c", 1, 1000))).Message.ShouldContain("at least 1 GiB");
        Should.Throw<RackException>(() => _rack.Add(new VirtualNodeShape("c", 1, 1L << 30) { Nics = 9, Disks = 8 })).Message.ShouldContain("there is room for 16 in all");
        VirtualNode node = _rack.Add(new VirtualNodeShape("c", 1, 1L << 30));
        Should.Throw<RackException>(() => _rack.Add(new VirtualNodeShape("c", 2, 1L << 30))).Message.ShouldContain("another shape");
        _rack.Add(node.Shape).Shape.ShouldBe(node.Shape);
        (await Should.ThrowAsync<RackException>(() => node.ResetAsync(Cancel))).Message.ShouldContain("power it on first");
    }

    private static async Task WaitForSerialAsync(VirtualNode node, string text)
    {
        while (!(await File.ReadAllTextAsync(node.SerialLog, Cancel)).Contains(text, StringComparison.Ordinal)) await Task.Delay(50, Cancel);
    }
}
