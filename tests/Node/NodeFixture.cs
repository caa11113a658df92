using System.Reflection;
using Osv.ControlPlaneDouble;
using Osv.Images;

namespace Osv.Node.Tests;

/// <summary>The images that all tests of this project boot, built once: monitor and node image as shipped, the busybox tenant.</summary>
public sealed class NodeFixture : IAsyncLifetime
{
    public static string Root { get; } = typeof(NodeFixture).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(item => item.Key == "RepositoryRoot").Value!;
    private static readonly NodeArtifacts s_built = new(Root, warning => TestContext.Current.SendDiagnosticMessage(warning));

    public byte[] Monitor { get; private set; } = [];
    public byte[] Payload { get; private set; } = [];
    public string PayloadPath { get; private set; } = string.Empty;
    public byte[] TenantKernel { get; private set; } = [];
    public byte[] TenantInitrd { get; private set; } = [];

    public async ValueTask InitializeAsync()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await s_built.PublishAgentAsync(cancel);
        KernelPackage kernel = await s_built.KernelAsync(NodeArtifacts.CloudKernel, cancel);
        PayloadPath = await s_built.BuildPayloadAsync(NodeArtifacts.CloudKernel, cancel);
        Monitor = await File.ReadAllBytesAsync(s_built.Monitor, cancel);
        Payload = await File.ReadAllBytesAsync(PayloadPath, cancel);
        TenantKernel = await File.ReadAllBytesAsync(kernel.Image, cancel);
        TenantInitrd = await File.ReadAllBytesAsync((await new TenantImages(Root, warning => TestContext.Current.SendDiagnosticMessage(warning)).BuildAsync(TenantImages.Busybox, cancel)).Initrd, cancel);
    }

    /// <summary>The node image with another of Debian's kernels.</summary>
    public static async Task<byte[]> PayloadAsync(string kernel) =>
        await File.ReadAllBytesAsync(await s_built.BuildPayloadAsync(kernel, TestContext.Current.CancellationToken), TestContext.Current.CancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
