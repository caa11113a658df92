using System.Globalization;
using Osv.Cli.CommandLine;
using Osv.Postgres;
using Osv.Rack;

namespace Osv.Cli.Cloud;

/// <summary>Whether this machine can carry the cloud that is asked for, before anything is begun.</summary>
internal static class HostCheck
{
    private const long Gibibyte = 1L << 30;

    /// <summary>What control plane, database and builds take beside the nodes.</summary>
    private const long OwnMemory = Gibibyte;

    /// <summary>Images, kernels and a database.</summary>
    private const long OwnDisk = 3 * Gibibyte;

    /// <param name="isNew">Images and database are still to be made.</param>
    /// <exception cref="CommandException">It cannot, with the figure and what to do.</exception>
    /// <exception cref="RackException">QEMU is missing or too old.</exception>
    public static async Task RunAsync(CloudSettings settings, int newNodes, string home, bool isNew, CancellationToken cancel)
    {
        await Accelerator.FindQemuAsync(cancel).ConfigureAwait(false);
        long available = AvailableMemory(), wanted = newNodes * settings.MemoryBytes + OwnMemory;
        if (newNodes > 0 && available < wanted)
        {
            throw new CommandException($"{newNodes} nodes of {Sizes.Format(settings.MemoryBytes)} need {Sizes.Format(wanted)} of memory with the control plane, and {Sizes.Format(available)} are free: use fewer nodes (--nodes) or smaller ones (--memory)");
        }
        string root = home;
        while (!Directory.Exists(root)) root = Path.GetDirectoryName(root)!;
        long free = new DriveInfo(root).AvailableFreeSpace;
        if (free < OwnDisk && isNew) throw new CommandException($"{Sizes.Format(OwnDisk)} of disk are needed for images and the database, and {Sizes.Format(free)} are free in {root}: make room");
    }

    /// <exception cref="CommandException">Another program listens on it.</exception>
    public static void RequireFree(int port)
    {
        if (!LoopbackPort.IsFree(port)) throw new CommandException($"port {port} on 127.0.0.1 is taken by another program: stop that, or choose another with --port");
    }

    private static long AvailableMemory()
    {
        string line = File.ReadLines("/proc/meminfo").First(one => one.StartsWith("MemAvailable:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }
}
