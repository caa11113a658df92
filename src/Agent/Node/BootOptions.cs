using Osv.Contracts.Node;

namespace Osv.Agent.Node;

/// <summary>What the boot script put on the kernel command line: osv.NAME=VALUE, values percent-encoded.</summary>
/// <param name="Control">The control plane, https.</param>
/// <param name="Authority">Where its authority's certificate can be had; whoever sends it, it must have this hash.</param>
/// <param name="AuthorityHash">SHA-256, lower-case hex.</param>
/// <param name="Report">Where boot stages are told; null: nowhere.</param>
public sealed record BootOptions(Uri Control, Uri Authority, string AuthorityHash, string Token, MachineIdentity Machine, Uri? Report)
{
    /// <exception cref="InvalidOperationException">An option that the agent cannot do without is missing or malformed.</exception>
    public static BootOptions Parse(string commandLine)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string word in commandLine.Split((char[])[' ', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = word.IndexOf('=', StringComparison.Ordinal);
            if (equals > 4 && word.StartsWith("osv.", StringComparison.Ordinal)) values[word[4..equals]] = Uri.UnescapeDataString(word[(equals + 1)..]);
        }
        string Need(string name) => values.TryGetValue(name, out string? value) && value.Length != 0 ? value
            : throw new InvalidOperationException($"the kernel command line has no osv.{name}=: boot this node with the control plane's boot script");
        static Uri Address(string name, string value) => Uri.TryCreate(value, UriKind.Absolute, out Uri? address) && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp) ? address
            : throw new InvalidOperationException($"osv.{name}={value} is not an http address");
        Uri address = Address("control", Need("control"));
        if (address.Scheme != Uri.UriSchemeHttps) throw new InvalidOperationException($"osv.control={address} is not an https address");
        string hash = Need("ca").ToLowerInvariant();
        if (hash.Length != 64 || !hash.All(char.IsAsciiHexDigitLower)) throw new InvalidOperationException($"osv.ca={hash} is not a SHA-256 in hex");
        var machine = new MachineIdentity { Mac = Need("mac").ToLowerInvariant(), Serial = values.GetValueOrDefault("serial", string.Empty), Uuid = Need("uuid").ToLowerInvariant() };
        return new BootOptions(address, Address("authority", Need("authority")), hash, Need("token"), machine, values.TryGetValue("report", out string? report) ? Address("report", report) : null);
    }
}
