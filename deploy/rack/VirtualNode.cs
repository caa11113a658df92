using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Osv.Rack;

/// <summary>
/// One QEMU machine that boots by iPXE from an address of the control plane. It lives on when the program that started it
/// ends; its folder has all that is needed to find it again: process id, control socket, serial log.
/// </summary>
public sealed class VirtualNode
{
    private readonly string _folder;
    private readonly NodeDevices _devices;

    internal VirtualNode(VirtualNodeShape shape, string folder)
    {
        Shape = shape;
        _folder = folder;
        _devices = new NodeDevices(shape, folder);
    }

    public VirtualNodeShape Shape { get; }

    /// <summary>Everything the machine ever said on its serial port, over all its boots.</summary>
    public string SerialLog => Path.Combine(_folder, "serial.log");

    /// <summary>A Unix socket with the serial line, for one visitor at a time.</summary>
    public string SerialSocket => Path.Combine(_folder, "serial.sock");

    private string ControlSocket => Path.Combine(_folder, "qmp.sock");
    private string ProcessFile => Path.Combine(_folder, "pid");

    /// <summary>Process id of the running machine, or null. A stale file of a machine that is gone does not count.</summary>
    public int? ProcessId
    {
        get
        {
            if (!File.Exists(ProcessFile) || !int.TryParse(File.ReadAllText(ProcessFile), CultureInfo.InvariantCulture, out int id)) return null;
            string commandLine = $"/proc/{id}/cmdline";
            try
            {
                return File.ReadAllText(commandLine).Contains(ControlSocket, StringComparison.Ordinal) ? id : null;
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    public bool IsOn => ProcessId != null;

    /// <summary>When the machine was switched on; null: it is off.</summary>
    public DateTimeOffset? OnSince
    {
        get
        {
            if (ProcessId is not { } id) return null;
            try
            {
                using Process machine = Process.GetProcessById(id);
                return machine.StartTime;
            }
            catch (Exception gone) when (gone is ArgumentException or InvalidOperationException)
            {
                return null;
            }
        }
    }

    /// <summary>Switches the machine on; nothing happens when it is on already.</summary>
    /// <param name="bootScript">Address of the iPXE script as the machine sees it; the host's loopback is 10.0.2.2 there.</param>
    /// <exception cref="RackException">QEMU would not start.</exception>
    public async Task PowerOnAsync(Uri bootScript, CancellationToken cancel)
    {
        if (IsOn) return;
        Directory.CreateDirectory(_folder);
        _devices.CreateDisks();
        string qemu = await Accelerator.FindQemuAsync(cancel).ConfigureAwait(false);
        string[] arguments =
        [
            "-name", Shape.Name, "-machine", "q35,graphics=off", .. Accelerator.QemuArguments(Accelerator.HasKvm()), .. Shape.QemuArguments(),
            "-display", "none", "-nodefaults", "-boot", "n",
            "-chardev", $"socket,id=serial,path={SerialSocket},server=on,wait=off,logfile={SerialLog},logappend=on", "-serial", "chardev:serial",
            "-netdev", $"user,id=net0,bootfile={bootScript.AbsoluteUri}", .. _devices.QemuArguments(),
            "-qmp", $"unix:{ControlSocket},server=on,wait=off", "-pidfile", ProcessFile, "-daemonize",
        ];
        using Process process = Process.Start(new ProcessStartInfo(qemu, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel).ConfigureAwait(false);
        if (process.ExitCode == 0) return;
        string reason = (await errors.ConfigureAwait(false)).Split('\n').LastOrDefault(line => line.Length > 0 && !line.Contains("warning:", StringComparison.Ordinal)) ?? "it gave no reason";
        throw new RackException($"node {Shape.Name} does not start: {reason}");
    }

    /// <summary>Pulls the plug; nothing happens when the machine is off already.</summary>
    public async Task PowerOffAsync(CancellationToken cancel)
    {
        if (ProcessId is not { } id) return;
        using Process machine = Process.GetProcessById(id);
        try
        {
            using QmpClient client = await QmpClient.ConnectAsync(ControlSocket, cancel).ConfigureAwait(false);
            await client.ExecuteAsync("quit", null, cancel).ConfigureAwait(false);
        }
        catch (Exception dead) when (dead is SocketException or IOException)
        {
            // It does not answer, or hung up before it did.
            machine.Kill();
        }
        await machine.WaitForExitAsync(cancel).ConfigureAwait(false);
    }

    /// <summary>The reset button.</summary>
    public Task ResetAsync(CancellationToken cancel) => ControlAsync("system_reset", null, cancel);

    /// <summary>Pulls the network cable, or plugs it in again.</summary>
    public Task SetNetworkAsync(bool connected, CancellationToken cancel) =>
        ControlAsync("set_link", new JsonObject { ["name"] = "nic0", ["up"] = connected }, cancel);

    /// <summary>Where this machine's loopback leads to SSH behind the tenants' network cards: their PCI addresses, and ports.</summary>
    /// <exception cref="RackException">It is off.</exception>
    public async Task<IReadOnlyDictionary<string, int>> SshPortsAsync(CancellationToken cancel)
    {
        JsonNode? said = await ControlAsync("human-monitor-command", new JsonObject { ["command-line"] = "info usernet" }, cancel).ConfigureAwait(false);
        return NodeDevices.SshPorts(said!.GetValue<string>());
    }

    /// <summary>The cables of the tenants' card at a PCI address; null: no such card.</summary>
    public Cable? CableAt(string address) => _devices.CardAt(address) is { } nic ? _devices.CableOf(nic) : null;

    /// <summary>
    /// Plugs the card's cable in, anew if it was. What its former network has sent it and it has not taken yet is gone.
    /// </summary>
    /// <param name="address">PCI address of the card.</param>
    /// <exception cref="RackException">The node is off, has no such card, or was started by another version.</exception>
    public async Task PlugAsync(string address, CancellationToken cancel)
    {
        int nic = Card(address);
        CableEnds ends = _devices.CableOf(nic).Card;
        using QmpClient client = await ConnectAsync(cancel).ConfigureAwait(false);
        await UnplugAsync(client, nic, cancel).ConfigureAwait(false);
        cancel.ThrowIfCancellationRequested();
        // QEMU lets go of frames that it keeps for cards, whose driver may come later, when the machine stands still. Whoever loses patience leaves none standing.
        await client.ExecuteAsync("stop", null, CancellationToken.None).ConfigureAwait(false);
        await client.ExecuteAsync("cont", null, CancellationToken.None).ConfigureAwait(false);
        var cable = new JsonObject { ["type"] = "dgram", ["id"] = Wire(nic), ["local"] = UnixSocket(ends.Node), ["remote"] = UnixSocket(ends.Switch) };
        await client.ExecuteAsync("netdev_add", cable, cancel).ConfigureAwait(false);
        await client.ExecuteAsync("netdev_add", new JsonObject { ["type"] = "hubport", ["id"] = Plug(nic), ["hubid"] = NodeDevices.CardHub(nic), ["netdev"] = Wire(nic) }, cancel).ConfigureAwait(false);
    }

    /// <summary>Pulls the card's cable; nothing happens when it is not plugged in.</summary>
    /// <inheritdoc cref="PlugAsync"/>
    public async Task UnplugAsync(string address, CancellationToken cancel)
    {
        int nic = Card(address);
        using QmpClient client = await ConnectAsync(cancel).ConfigureAwait(false);
        await UnplugAsync(client, nic, cancel).ConfigureAwait(false);
    }

    private static async Task UnplugAsync(QmpClient client, int nic, CancellationToken cancel)
    {
        foreach (string id in (string[])[Plug(nic), Wire(nic)])
        {
            try
            {
                await client.ExecuteAsync("netdev_del", new JsonObject { ["id"] = id }, cancel).ConfigureAwait(false);
            }
            catch (RefusedCommandException refused) when (refused.ErrorClass == RefusedCommandException.NotFound)
            {
                // It is not plugged in.
            }
        }
    }

    private int Card(string address) => _devices.CardAt(address) ?? throw new RackException($"node {Shape.Name} has no network card for tenants at {address}");

    private static string Wire(int nic) => string.Create(CultureInfo.InvariantCulture, $"wire{nic}");

    private static string Plug(int nic) => string.Create(CultureInfo.InvariantCulture, $"plug{nic}");

    private static JsonObject UnixSocket(string path) => new() { ["type"] = "unix", ["path"] = path };

    /// <summary>The host's threads that run its processors, the boot processor first.</summary>
    /// <exception cref="RackException">It is off.</exception>
    public async Task<IReadOnlyList<int>> ProcessorThreadsAsync(CancellationToken cancel)
    {
        JsonArray processors = (JsonArray)(await ControlAsync("query-cpus-fast", null, cancel).ConfigureAwait(false))!;
        return [.. processors.OrderBy(one => one!["cpu-index"]!.GetValue<int>()).Select(one => one!["thread-id"]!.GetValue<int>())];
    }

    private Task<QmpClient> ConnectAsync(CancellationToken cancel) =>
        IsOn ? QmpClient.ConnectAsync(ControlSocket, cancel) : throw new RackException($"node {Shape.Name} is off: power it on first");

    private async Task<JsonNode?> ControlAsync(string command, JsonObject? arguments, CancellationToken cancel)
    {
        using QmpClient client = await ConnectAsync(cancel).ConfigureAwait(false);
        return await client.ExecuteAsync(command, arguments, cancel).ConfigureAwait(false);
    }
}
