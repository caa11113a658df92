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

    /// <summary>Builds, kernels, images and a database: 2 GiB were seen, with room for what tenants and logs add.</summary>
    private const long OwnDisk = 4 * Gibibyte;

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
        if (!isNew) return;
        foreach (string wish in (string[])[home, Repository.Artifacts()])
        {
            string folder = wish;
            while (!Directory.Exists(folder)) folder = Path.GetDirectoryName(folder)!;
            long free = new DriveInfo(folder).AvailableFreeSpace;
            if (free < OwnDisk) throw new CommandException($"{Sizes.Format(OwnDisk)} of disk are needed for builds, images and the database, and {Sizes.Format(free)} are free in {folder}: make room");
        }
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
