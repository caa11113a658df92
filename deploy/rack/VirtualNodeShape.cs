using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Osv.Rack;

/// <summary>The machine a virtual node is. Name, and with it MAC address, serial number and UUID, never change.</summary>
/// <param name="Name">Letters, digits and dashes; at most 40.</param>
/// <param name="Cores">Hardware threads, 1 to 512.</param>
/// <param name="MemoryBytes">A multiple of 1 MiB for each cell, at least 1 GiB in all.</param>
public sealed partial record VirtualNodeShape(string Name, int Cores, long MemoryBytes)
{
    private const long Mebibyte = 1 << 20, SmallestMemory = 1L << 30;
    internal const int MostDevices = 16;

    /// <summary>NUMA cells; cores and memory are shared out evenly.</summary>
    public int Cells { get; init; } = 1;

    /// <summary>1, or 2 for a processor with SMT.</summary>
    public int ThreadsPerCore { get; init; } = 1;

    /// <summary>PCI functions for tenants: network cards, and NVMe disks of <see cref="DiskBytes"/>.</summary>
    public int Nics { get; init; }

    /// <inheritdoc cref="Nics"/>
    public int Disks { get; init; }

    public long DiskBytes { get; init; } = 1L << 30;

    /// <summary>Tells the addresses of its tenants' cards from those of other nodes of its rack, which gives it. From 1.</summary>
    public int Number { get; init; }

    public string Serial => $"OSV-{Name}";

    /// <summary>Derived from the name, in the locally administered range.</summary>
    public string MacAddress => Mac("mac");

    /// <summary>Of the tenants' card with this number, from 0.</summary>
    internal string MacOf(int nic) => Mac(Invariant($"nic {nic}"));

    private string Mac(string what)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{what} {Name}"));
        return string.Join(':', ((byte[])[0x52, 0x54, 0x00, hash[0], hash[1], hash[2]]).Select(value => value.ToString("x2", CultureInfo.InvariantCulture)));
    }

    public Guid Uuid => new(SHA256.HashData(Encoding.UTF8.GetBytes($"uuid {Name}")).AsSpan(0, 16));

    /// <exception cref="RackException">The shape is not one QEMU can build.</exception>
    public void Validate()
    {
        if (!NamePattern().IsMatch(Name)) throw new RackException($"'{Name}' is no name for a node: use 1 to 40 letters, digits and dashes");
        if (ThreadsPerCore is not (1 or 2)) throw new RackException($"node {Name}: {ThreadsPerCore} threads per core; there are 1 or 2");
        if (Cells < 1 || Cores is < 1 or > 512 || Cores % (Cells * ThreadsPerCore) != 0)
        {
            throw new RackException($"node {Name}: {Cores} cores do not divide over {Cells} cells with {ThreadsPerCore} threads per core; give 1 to 512 cores, a multiple of {Cells * ThreadsPerCore}");
        }
        if (MemoryBytes < SmallestMemory || MemoryBytes % (Cells * Mebibyte) != 0)
        {
            throw new RackException($"node {Name}: {MemoryBytes} bytes of memory; give at least 1 GiB, in whole MiB for each of {Cells} cells");
        }
        if (Nics < 0 || Disks < 0 || Nics + Disks > MostDevices) throw new RackException($"node {Name}: {Nics} network cards and {Disks} disks for tenants; there is room for {MostDevices} in all");
    }

    internal IEnumerable<string> QemuArguments()
    {
        yield return "-smp";
        yield return Invariant($"{Cores},sockets={Cells},cores={Cores / Cells / ThreadsPerCore},threads={ThreadsPerCore}");
        yield return "-m";
        yield return Invariant($"{MemoryBytes / Mebibyte}M");
        for (int cell = 0; cell < Cells && Cells > 1; cell++)
        {
            int perCell = Cores / Cells;
            yield return "-object";
            yield return Invariant($"memory-backend-ram,id=cell{cell},size={MemoryBytes / Mebibyte / Cells}M");
            yield return "-numa";
            yield return Invariant($"node,nodeid={cell},cpus={cell * perCell}-{(cell + 1) * perCell - 1},memdev=cell{cell}");
        }
        yield return "-uuid";
        yield return Uuid.ToString();
        yield return "-smbios";
        yield return $"type=1,serial={Serial}";
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    [GeneratedRegex("^[A-Za-z0-9-]{1,40}$")]
    private static partial Regex NamePattern();
}
