using System.Buffers.Binary;
using System.Globalization;

namespace Osv.Switch;

/// <summary>An Ethernet frame, as far as a switch reads it (IEEE 802.3).</summary>
internal readonly ref struct Frame
{
    private const int HeaderBytes = 14, AddressBytes = 6;
    private const ushort IPv4 = 0x0800;
    private const byte Udp = 17, DhcpServer = 67, DhcpClient = 68;
    private readonly ReadOnlySpan<byte> _bytes;

    private Frame(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>False when it is too short to have a header.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out Frame frame)
    {
        frame = new Frame(bytes);
        return bytes.Length >= HeaderBytes;
    }

    public ulong Destination => Address(_bytes);

    public ulong Source => Address(_bytes[AddressBytes..]);

    /// <summary>For several: broadcast or multicast.</summary>
    public bool IsForGroup => (_bytes[0] & 1) != 0;

    /// <summary>
    /// It asks for an address or lends one (RFC 2131). Of a datagram in fragments the first alone has ports, and without it the others are nothing.
    /// </summary>
    public bool IsDhcp
    {
        get
        {
            const int FragmentOffset = HeaderBytes + 6, Protocol = HeaderBytes + 9, SmallestHeader = 20;
            if (BinaryPrimitives.ReadUInt16BigEndian(_bytes[12..]) != IPv4 || _bytes.Length < HeaderBytes + SmallestHeader || _bytes[Protocol] != Udp) return false;
            int ports = HeaderBytes + (_bytes[HeaderBytes] & 0xF) * 4;
            if ((BinaryPrimitives.ReadUInt16BigEndian(_bytes[FragmentOffset..]) & 0x1FFF) != 0 || _bytes.Length < ports + 4) return false;
            return BinaryPrimitives.ReadUInt16BigEndian(_bytes[(ports + 2)..]) is DhcpServer or DhcpClient;
        }
    }

    /// <summary>Six bytes as a number, the first being the highest.</summary>
    private static ulong Address(ReadOnlySpan<byte> bytes) => ((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]);

    /// <param name="mac">As in 52:54:00:12:34:56.</param>
    public static ulong Address(string mac) => ulong.Parse(mac.Replace(":", string.Empty, StringComparison.Ordinal), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
