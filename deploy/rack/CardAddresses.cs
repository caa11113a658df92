using System.Globalization;
using System.Net;

namespace Osv.Rack;

/// <summary>
/// IPv4 of tenants' cards in a virtual rack. Each card has a server of its own for DHCP and SSH, and all of these have one address, as each is heard by
/// its own card alone; what they lend is unique in the rack, so that cards can be in one segment.
/// </summary>
public static class CardAddresses
{
    /// <summary>Of all cards; nothing else on the way of a tenant has an address in it (RFC 1918).</summary>
    public const string Network = "10.64.0.0/10";

    private const uint First = (10u << 24) | (64u << 16), OfACard = 16, CardsOfANode = VirtualNodeShape.MostDevices, Nodes = (1 << 22) / (OfACard * CardsOfANode);

    /// <summary>Numbers of nodes go from 1: the first addresses are the servers'.</summary>
    internal const int LastNode = (int)Nodes - 1;

    /// <summary>The server's, and that of its name server, which answers nobody.</summary>
    public static IPAddress Server { get; } = Address(First + 2);

    internal static IPAddress NameServer { get; } = Address(First + 3);

    /// <summary>QEMU's user network makes its MAC address of its IPv4 address: 52:55 and the four bytes.</summary>
    public static string ServerMac { get; } = string.Create(CultureInfo.InvariantCulture, $"52:55:{string.Join(':', Server.GetAddressBytes().Select(value => value.ToString("x2", CultureInfo.InvariantCulture)))}");

    /// <summary>What the card's server lends first. It may lend as many as <see cref="OfACard"/>, one to each MAC address.</summary>
    internal static IPAddress LeaseOf(int node, int nic) => Address(First + ((uint)node * CardsOfANode + (uint)nic) * OfACard);

    private static IPAddress Address(uint value) => new([(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value]);
}
