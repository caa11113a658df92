using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Osv.Web.Tests;

/// <summary>A RabbitMQ of our own: loopback only, in a folder that goes with it.</summary>
internal sealed class Broker : IAsyncDisposable
{
    private const string Program = "/usr/lib/rabbitmq/bin/rabbitmq-server", PortMapper = "/usr/bin/epmd";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly string _folder;
    private readonly Dictionary<string, string> _environment;
    private Task _draining = Task.CompletedTask;

    private Broker(Process process, string folder, int port, Dictionary<string, string> environment) => (_process, _folder, _environment, Address) = (process, folder, environment, new Uri($"amqp://guest:guest@127.0.0.1:{port}/"));

    public Uri Address { get; }

    public static async Task<Broker> StartAsync(CancellationToken cancel)
    {
        File.Exists(Program).ShouldBeTrue($"{Program} is missing: './osv test integration' installs it");
        string folder = Directory.CreateTempSubdirectory("osv-rabbitmq-").FullName;
        int[] ports = FreePorts(3);
        var environment = new Dictionary<string, string>
        {
            ["HOME"] = folder, ["RABBITMQ_NODENAME"] = $"osv{Environment.ProcessId}@localhost", ["RABBITMQ_NODE_IP_ADDRESS"] = "127.0.0.1", ["RABBITMQ_NODE_PORT"] = $"{ports[0]}", ["RABBITMQ_DIST_PORT"] = $"{ports[1]}",
            ["RABBITMQ_MNESIA_BASE"] = folder, ["RABBITMQ_LOG_BASE"] = folder, ["RABBITMQ_LOGS"] = "-", ["RABBITMQ_ENABLED_PLUGINS_FILE"] = Path.Combine(folder, "plugins"), ["RABBITMQ_CONFIG_FILE"] = Path.Combine(folder, "none"),
            ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = "-kernel inet_dist_use_interface {127,0,0,1}", ["ERL_EPMD_ADDRESS"] = "127.0.0.1", ["ERL_EPMD_PORT"] = $"{ports[2]}",
        };
        var start = new ProcessStartInfo(Program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        Process process = Process.Start(start)!;
        var broker = new Broker(process, folder, ports[0], environment);
        try
        {
            await broker.WaitAsync(cancel);
            return broker;
        }
        catch
        {
            await broker.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        await _draining;
        _process.Dispose();
        // The port mapper is a daemon of its own that would stay.
        var stop = new ProcessStartInfo(PortMapper, ["-port", _environment["ERL_EPMD_PORT"], "-kill"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in _environment) stop.Environment[name] = value;
        using Process mapper = Process.Start(stop)!;
        await mapper.WaitForExitAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Until it takes connections.</summary>
    private async Task WaitAsync(CancellationToken cancel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(Patience);
        var said = new System.Text.StringBuilder();
        while (await _process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            said.AppendLine(line);
            if (!line.Contains("completed with", StringComparison.Ordinal) && !line.Contains("Server startup complete", StringComparison.Ordinal)) continue;
            // Its pipes must not fill.
            _draining = Task.WhenAll(_process.StandardOutput.ReadToEndAsync(CancellationToken.None), _process.StandardError.ReadToEndAsync(CancellationToken.None));
            return;
        }
        throw new InvalidOperationException($"RabbitMQ did not start: {said}");
    }

    private static int[] FreePorts(int count)
    {
        TcpListener[] listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        foreach (TcpListener listener in listeners) listener.Start();
        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        foreach (TcpListener listener in listeners) listener.Dispose();
        return ports;
    }
}
