namespace Osv.Images.Tests;

/// <summary>A node image is not built from a kernel that lacks a driver which nodes need.</summary>
public sealed class NodeDriversTests : IDisposable
{
    private static readonly string[] s_cloud = ["virtio_pci", "virtio-net", "ena", "mlx5_core", "nvme", "af_packet"];
    private static readonly string[] s_generic = [.. s_cloud, "e1000e", "e1000", "igb", "igc", "ixgbe", "i40e", "ice", "tg3", "bnxt_en"];
    private readonly string _folder = Directory.CreateTempSubdirectory("osv-drivers").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(NodeArtifacts.CloudKernel, "virtio-net", "virtio_net")]
    [InlineData(NodeArtifacts.CloudKernel, "nvme", "nvme")]
    [InlineData(NodeArtifacts.GenericKernel, "virtio-net", "virtio_net")]
    [InlineData(NodeArtifacts.GenericKernel, "nvme", "nvme")]
    [InlineData(NodeArtifacts.GenericKernel, "e1000e", "e1000e")]
    [InlineData(NodeArtifacts.GenericKernel, "igb", "igb")]
    public async Task A_missing_driver_is_named(string kernel, string without, string named)
    {
        string[] builtIn = kernel == NodeArtifacts.CloudKernel ? s_cloud : s_generic;
        string message = (await Should.ThrowAsync<InvalidOperationException>(() => BuildAsync(kernel, builtIn.Except([without])))).Message;
        message.ShouldContain($"kernel {kernel} (6.12.0-test) has no module {named},");
        File.Exists(Path.Combine(_folder, "payload")).ShouldBeFalse();
    }

    [Theory]
    [InlineData(NodeArtifacts.CloudKernel)]
    [InlineData(NodeArtifacts.GenericKernel)]
    public async Task Built_in_drivers_are_there(string kernel)
    {
        await BuildAsync(kernel, kernel == NodeArtifacts.CloudKernel ? s_cloud : s_generic);
        File.Exists(Path.Combine(_folder, "payload")).ShouldBeTrue();
    }

    private async Task BuildAsync(string name, IEnumerable<string> builtIn)
    {
        string modules = Path.Combine(_folder, name, "modules", "6.12.0-test");
        Directory.CreateDirectory(modules);
        await File.WriteAllLinesAsync(Path.Combine(modules, "modules.builtin"), builtIn.Select(module => $"kernel/drivers/{module}.ko"), TestContext.Current.CancellationToken);
        foreach (string empty in (string[])["modules.builtin.modinfo", "modules.order"]) await File.WriteAllTextAsync(Path.Combine(modules, empty), string.Empty, TestContext.Current.CancellationToken);
        string some = Path.Combine(_folder, name, "vmlinuz"), fetch = Path.Combine(_folder, "fetch.sh");
        await File.WriteAllTextAsync(some, "a kernel", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(fetch, "exit 0", TestContext.Current.CancellationToken);
        KernelPackage kernel = await KernelPackage.FetchAsync(name, fetch, _folder, _ => { }, TestContext.Current.CancellationToken);
        await NodeImage.BuildAsync(some, kernel, some, some, Path.Combine(_folder, "payload"), TestContext.Current.CancellationToken);
    }
}
