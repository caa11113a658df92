using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Text.Json;

namespace Osv.Bench.Streams;

/// <summary>A process that ends with the benchmark.</summary>
internal abstract class Child : IDisposable
{
    protected Child(ProcessStartInfo start) => Process = Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start");

    protected Process Process { get; }

    /// <summary>Processor time since it started.</summary>
    public TimeSpan Used
    {
        get
        {
            Process.Refresh();
            return Process.TotalProcessorTime;
        }
    }

    public double ResidentMebibytes
    {
        get
        {
            Process.Refresh();
            return Process.WorkingSet64 / 1048576.0;
        }
    }

    public void Dispose()
    {
        if (!Process.HasExited) Process.Kill(entireProcessTree: true);
        Process.Dispose();
    }
}

/// <summary>The control plane as it ships: the host of src/Web with everything in it, and a log.</summary>
internal sealed class ControlPlane : Child
{
    private ControlPlane(ProcessStartInfo start, Uri site, Uri gateway) : base(start) => (Site, Gateway) = (site, gateway);

    public static string Repository { get; } = typeof(ControlPlane).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(entry => entry.Key == "RepositoryRoot").Value!;

    public Uri Site { get; }

    public Uri Gateway { get; }

    public static async Task<ControlPlane> StartAsync(string database, string folder, string log, CancellationToken cancel)
    {
        var site = new Uri($"http://127.0.0.1:{FreePort()}");
        var gateway = new Uri($"https://127.0.0.1:{FreePort()}");
        var start = new ProcessStartInfo("/bin/sh");
        string[] arguments =
        [
            "-c", "log=$1; shift; exec dotnet \"$@\" > \"$log\" 2>&1", "sh", log, Path.Combine(Repository, "src", "Web", "bin", "Release", "net10.0", "Osv.Web.dll"),
            "--urls", site.ToString(), "--ConnectionStrings:Osv", database, .. HostArguments(folder), $"--Osv:Gateway:Listen={gateway}", "--Osv:Netboot:Listen=http://127.0.0.1:0",
            "--Osv:FirstAdministrator=admin", $"--Osv:FirstPasswordFile={Path.Combine(folder, "password")}",
            // One caller makes all requests of the measurement.
            "--Osv:Limits:RequestsPerSecond=100000", "--Osv:Limits:Burst=100000",
        ];
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        var plane = new ControlPlane(start, site, gateway);
        using var http = new HttpClient { BaseAddress = site };
        while (true)
        {
            if (plane.Process.HasExited) throw new InvalidOperationException($"the control plane ended: {log} says why");
            try
            {
                using HttpResponseMessage answer = await http.GetAsync("/readyz", cancel);
                if (answer.IsSuccessStatusCode) return plane;
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }
            await Task.Delay(200, cancel);
        }
    }

    /// <summary>What every host of this fleet is given: they share the authority of the nodes.</summary>
    public static string[] HostArguments(string folder) => ["--Osv:KeyFolder", Path.Combine(folder, "keys")];

    private static string FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
    }
}

/// <summary>The process of <see cref="SwarmRole"/>.</summary>
internal sealed class Swarm : Child
{
    private Swarm(ProcessStartInfo start) : base(start)
    {
    }

    public static async Task<Swarm> StartAsync(string orderFile, Action<string> progress, CancellationToken cancel)
    {
        var swarm = new Swarm(new ProcessStartInfo("dotnet", [typeof(Swarm).Assembly.Location, "agents", orderFile]) { RedirectStandardInput = true, RedirectStandardOutput = true });
        while (await swarm.Process.StandardOutput.ReadLineAsync(cancel) is { } line)
        {
            if (line == "ready") return swarm;
            progress(line);
        }
        throw new InvalidOperationException("the agents ended before all streams stood; the lines above say why");
    }

    /// <summary>What was measured since the last call.</summary>
    public async Task<SwarmReport> TakeAsync(CancellationToken cancel)
    {
        await Process.StandardInput.WriteLineAsync("report".AsMemory(), cancel);
        await Process.StandardInput.FlushAsync(cancel);
        string line = await Process.StandardOutput.ReadLineAsync(cancel) ?? throw new InvalidOperationException("the agents ended");
        return JsonSerializer.Deserialize<SwarmReport>(line)!;
    }
}
