using System.Globalization;
using System.Text;
using Osv.Contracts.Archives;
using Osv.Contracts.Node;

namespace Osv.Agent.Partitions;

/// <summary>
/// The tenant's data as an initrd segment behind its own initrd: Linux unpacks all segments one after the other.
/// A NoCloud seed for cloud-init, and plain files under etc/osv for images without it.
/// </summary>
public static class CloudInitSeed
{
    private const string Seed = "var/lib/cloud/seed/nocloud";

    /// <param name="instance">Of the partition; part of what cloud-init knows a machine by.</param>
    /// <param name="start">Now: a partition has no clock, so its Linux sets its own by this and what its uptime adds.</param>
    public static byte[] Build(string tenantId, ulong instance, DateTimeOffset start, CloudInit data)
    {
        string keys = string.Concat(data.SshAuthorizedKeys.Select(key => $"  - {Quote(key)}\n"));
        string id = string.Create(CultureInfo.InvariantCulture, $"{tenantId}-{instance}");
        string meta = $"instance-id: {Quote(id)}\nlocal-hostname: {Quote(data.Hostname)}\n{(keys.Length == 0 ? string.Empty : "public-keys:\n" + keys)}";
        byte[] user = data.UserData.Length != 0 ? data.UserData.ToByteArray() : "#cloud-config\n"u8.ToArray();
        return new CpioArchive()
            .AddFolder("var").AddFolder("var/lib").AddFolder("var/lib/cloud").AddFolder("var/lib/cloud/seed").AddFolder(Seed)
            .AddText($"{Seed}/meta-data", meta)
            .AddPrivateFile($"{Seed}/user-data", user)
            .AddFolder("etc").AddFolder("etc/osv")
            .AddText("etc/osv/time", string.Create(CultureInfo.InvariantCulture, $"{start.ToUnixTimeSeconds()}\n"))
            .AddText("etc/osv/hostname", data.Hostname + "\n")
            .AddText("etc/osv/authorized_keys", string.Concat(data.SshAuthorizedKeys.Select(key => key + "\n")))
            .AddPrivateFile("etc/osv/user-data", data.UserData.Span)
            .ToBytes();
    }

    /// <summary>A YAML string in double quotes (YAML 1.2, 7.3.1).</summary>
    private static string Quote(string value)
    {
        var quoted = new StringBuilder("\"");
        foreach (char letter in value)
        {
            if (letter is '"' or '\\') quoted.Append('\\').Append(letter);
            else if (char.IsControl(letter)) quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)letter:x4}");
            else quoted.Append(letter);
        }
        return quoted.Append('"').ToString();
    }
}
