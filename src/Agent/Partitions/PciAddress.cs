using System.Globalization;

namespace Osv.Agent.Partitions;

/// <summary>Names of PCI functions: bits 15:8, 7:3 and 2:0 for the monitor, segment 0 with bus, device and function for people (0000:c1:00.0).</summary>
public static class PciAddress
{
    public static string Format(ushort function) => string.Create(CultureInfo.InvariantCulture, $"0000:{function >> 8:x2}:{function >> 3 & 31:x2}.{function & 7}");

    /// <exception cref="ArgumentException">It is not a function of segment 0.</exception>
    public static ushort Parse(string address)
    {
        const string Shape = "0000:bb:dd.f";
        if (address.Length == Shape.Length && address.StartsWith("0000:", StringComparison.Ordinal) && address[7] == ':' && address[10] == '.'
            && byte.TryParse(address.AsSpan(5, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte bus)
            && byte.TryParse(address.AsSpan(8, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte device) && device < 32
            && address[11] is >= '0' and <= '7')
            return (ushort)(bus << 8 | device << 3 | (address[11] - '0'));
        throw new ArgumentException($"'{address}' is not the address of a PCI function of this node: they look like 0000:c1:00.0");
    }
}
