using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Osv.Rack.Tests;

/// <summary>Stands in for the driver of a tenants' card: takes the machine's end of the card's cable. The card's server is the machine's own.</summary>
internal sealed class PlayedCard : IDisposable
{
    private static readonly byte[] s_everybody = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly UnixDomainSocketEndPoint _switch;

    public PlayedCard(Cable cable)
    {
        Mac = MacOf(cable.Mac);
        _switch = new UnixDomainSocketEndPoint(cable.Card.Switch);
        File.Delete(cable.Card.Node);
        _socket.Bind(new UnixDomainSocketEndPoint(cable.Card.Node));
    }

    public byte[] Mac { get; }

    /// <summary>A frame of an experimental type (IEEE 802) with a text in it.</summary>
    /// <param name="to">Null: everybody.</param>
    /// <param name="from">Null: as itself.</param>
    public void Say(string text, PlayedCard? to = null, byte[]? from = null) => Send([.. to?.Mac ?? s_everybody, .. from ?? Mac, 0x88, 0xB5, .. System.Text.Encoding.ASCII.GetBytes(text)]);

    public void Send(byte[] frame) => _socket.SendTo(frame, _switch);

    /// <summary>Asks who has an IPv4 address (RFC 826).</summary>
    public void AskFor(IPAddress address, IPAddress own) =>
        Send([.. s_everybody, .. Mac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, .. Mac, .. own.GetAddressBytes(), 0, 0, 0, 0, 0, 0, .. address.GetAddressBytes()]);

    /// <summary>Looks for a server of addresses (RFC 2131).</summary>
    public void Discover() => Send(Udp(s_everybody, 68, 67, Dhcp(operation: 1, kind: 1, IPAddress.Any)));

    /// <summary>Lends an address, as servers do.</summary>
    public void Offer(PlayedCard to, IPAddress address) => Send(Udp(to.Mac, 67, 68, Dhcp(operation: 2, kind: 2, address)));

    private byte[] Dhcp(byte operation, byte kind, IPAddress yours)
    {
        byte[] message = new byte[300];
        message[0] = operation;
        message[1] = 1;
        message[2] = 6;
        yours.GetAddressBytes().CopyTo(message, 16);
        Mac.CopyTo(message, 28);
        ((byte[])[0x63, 0x82, 0x53, 0x63, 53, 1, kind, 255]).CopyTo(message, 236);
        return message;
    }

    private byte[] Udp(byte[] to, byte from, byte port, byte[] message)
    {
        int length = 28 + message.Length;
        byte[] ip = [0x45, 0, (byte)(length >> 8), (byte)length, 0, 1, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255];
        int sum = 0;
        for (int i = 0; i < ip.Length; i += 2) sum += (ip[i] << 8) | ip[i + 1];
        while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
        ip[10] = (byte)(~sum >> 8);
        ip[11] = (byte)~sum;
        return [.. to, .. Mac, 8, 0, .. ip, 0, from, 0, port, (byte)((length - 20) >> 8), (byte)(length - 20), 0, 0, .. message];
    }

    /// <summary>The next frame that comes.</summary>
    public async Task<byte[]> HearAsync(CancellationToken cancel)
    {
        byte[] buffer = new byte[2048];
        int length = await _socket.ReceiveAsync(buffer, cancel);
        return buffer[..length];
    }

    /// <summary>The next frame's text; what it is, when it has none.</summary>
    public async Task<string> HearTextAsync(CancellationToken cancel)
    {
        byte[] frame = await HearAsync(cancel);
        return frame is [_, _, _, _, _, _, _, _, _, _, _, _, 0x88, 0xB5, .. byte[] text] ? System.Text.Encoding.ASCII.GetString(text) : Convert.ToHexString(frame);
    }

    public static byte[] MacOf(string mac) => [.. mac.Split(':').Select(part => byte.Parse(part, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];

    public void Dispose() => _socket.Dispose();
}
