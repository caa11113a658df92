using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;
using Osv.Netboot;

namespace Osv.Web.Boot;

/// <summary>Reads what a machine says that it is. It comes over plain HTTP from anybody on the boot network.</summary>
internal static partial class MachineIdentity
{
    private const int LongestSerial = 64;

    /// <param name="machine">In one spelling.</param>
    /// <param name="problem">What is wrong, for people.</param>
    public static bool TryParse(string? mac, string? serial, string? uuid, [NotNullWhen(true)] out BootMachine? machine, out string problem)
    {
        machine = BootMachine.Parse(mac ?? "", serial ?? "", uuid ?? "");
        problem = !Mac().IsMatch(machine.Mac) ? "mac is no MAC address like 52:54:00:12:34:56"
            : machine.Serial.Length > LongestSerial || !Printable().IsMatch(machine.Serial) ? $"serial is longer than {LongestSerial} characters or not printable ASCII"
            : !Guid.TryParseExact(machine.Uuid, "D", out _) ? "uuid is no UUID like 6ba7b810-9dad-11d1-80b4-00c04fd430c8"
            : "";
        if (problem.Length == 0) return true;
        machine = null;
        return false;
    }

    /// <summary>What a node is known by. A machine whose maker gave it no serial number is known by its UUID.</summary>
    public static string KeyOf(BootMachine machine) => machine.Serial.Length == 0 ? machine.Uuid : machine.Serial;

    /// <summary>A name for a node that nobody has named.</summary>
    public static string NameOf(BootMachine machine)
    {
        string name = NoName().Replace(KeyOf(machine).ToLowerInvariant(), "-").Trim('-', '.');
        return name.Length == 0 ? $"node-{machine.Uuid}" : $"node-{(name.Length > 50 ? name[..50].Trim('-', '.') : name)}";
    }

    [GeneratedRegex("^([0-9a-f]{2}:){5}[0-9a-f]{2}$")]
    private static partial Regex Mac();

    [GeneratedRegex("^[ -~]*$")]
    private static partial Regex Printable();

    [GeneratedRegex("[^a-z0-9.-]+")]
    private static partial Regex NoName();
}
