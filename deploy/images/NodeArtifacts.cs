namespace Osv.Images;

/// <summary>What a node boots, under artifacts/ of a working copy: built when it is missing or its sources changed.</summary>
/// <param name="root">The working copy.</param>
/// <param name="warn">Is told what is not as new as it could be.</param>
public sealed class NodeArtifacts(string root, Action<string> warn)
{
    /// <summary>Flavour of the kernel in the node image.</summary>
    public const string CloudKernel = "cloud-6.12", GenericKernel = "generic-6.12";

    private static readonly string[] s_monitorSources = ["monitor", "src/Contracts"];
    private static readonly string[] s_agentSources = ["src/Agent", "src/Agent.Host", "src/Contracts", "src/Contracts.Node"];

    public string Monitor { get; } = Path.Combine(root, "artifacts", "monitor", "osv-monitor.img");
    private string Loader { get; } = Path.Combine(root, "artifacts", "monitor", "loader.bin");
    private string Agent { get; } = Path.Combine(root, "artifacts", "agent", "osv-agent");

    /// <summary>Where the payload with that kernel lies.</summary>
    public string Payload(string kernel) => Path.Combine(root, "artifacts", "node", kernel, "payload.cpio");

    /// <summary>The monitor's image and the loader of partition 0.</summary>
    public async Task BuildMonitorAsync(CancellationToken cancel)
    {
        BuildStamp stamp = BuildStamp.Of(root, s_monitorSources);
        if (stamp.IsOn(Monitor) && stamp.IsOn(Loader)) return;
        foreach (string project in (string[])["monitor/Osv.Monitor.csproj", "monitor/loader/Osv.Loader.csproj"])
        {
            await Tool.RunAsync("dotnet", ["build", Path.Combine(root, project), "-c", "Release", "-v", "q", "-nologo", "-nodeReuse:false"], cancel).ConfigureAwait(false);
        }
        foreach (string file in (string[])[Monitor, Loader]) stamp.PutOn(file);
    }

    /// <summary>The agent, compiled ahead of time, which takes a minute.</summary>
    public async Task PublishAgentAsync(CancellationToken cancel)
    {
        BuildStamp stamp = BuildStamp.Of(root, s_agentSources);
        if (stamp.IsOn(Agent)) return;
        await Tool.RunAsync("dotnet", ["publish", Path.Combine(root, "src", "Agent.Host", "Osv.Agent.Host.csproj"), "-c", "Release", "-v", "q", "-nologo", "-nodeReuse:false", "-o", Path.GetDirectoryName(Agent)!], cancel).ConfigureAwait(false);
        stamp.PutOn(Agent);
    }

    /// <summary>The payload; monitor and agent must be there.</summary>
    /// <returns>Its path.</returns>
    public async Task<string> BuildPayloadAsync(string kernel, CancellationToken cancel)
    {
        string payload = Payload(kernel);
        await NodeImage.BuildAsync(Loader, await KernelAsync(kernel, cancel).ConfigureAwait(false), "/bin/busybox", Agent, payload, cancel).ConfigureAwait(false);
        return payload;
    }

    /// <summary>What erases tenants' disks.</summary>
    /// <returns>Paths of its kernel and initial RAM disk.</returns>
    public async Task<(string Kernel, string Initrd)> BuildEraserAsync(string kernel, CancellationToken cancel)
    {
        KernelPackage package = await KernelAsync(kernel, cancel).ConfigureAwait(false);
        string initrd = Path.Combine(root, "artifacts", "node", kernel, "eraser.initrd");
        await EraserImage.BuildAsync(package, initrd, cancel).ConfigureAwait(false);
        return (package.Image, initrd);
    }

    /// <summary>A stock kernel, unpacked from its package.</summary>
    public Task<KernelPackage> KernelAsync(string name, CancellationToken cancel) =>
        KernelPackage.FetchAsync(name, Path.Combine(root, "deploy", "images", "kernel.sh"), Path.Combine(root, "artifacts", "kernels"), warn, cancel);
}
