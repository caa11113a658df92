using System.Diagnostics;
using System.Globalization;

namespace Osv.Ring0.Tests;

/// <summary>Where the shipped monitor's code lies in host memory.</summary>
internal static class MonitorSymbols
{
    public static async Task<ulong> AddressAsync(string name) => ulong.Parse(await AddressesAsync(name), NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>Hexadecimal, separated by commas.</summary>
    public static async Task<string> AddressesAsync(params string[] names)
    {
        string elf = Path.Combine(Path.GetDirectoryName(NodeImages.Monitor)!, "monitor.elf");
        using Process nm = Process.Start(new ProcessStartInfo("nm", [elf]) { RedirectStandardOutput = true })!;
        string[] lines = (await nm.StandardOutput.ReadToEndAsync()).Split('\n');
        await nm.WaitForExitAsync();
        return string.Join(',', names.Select(name => lines.Single(line => line.EndsWith($" {name}", StringComparison.Ordinal)).Split(' ')[0]));
    }
}
