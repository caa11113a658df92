using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Osv.Node.Tests;

/// <summary>
/// Makes the iPXE in the ROM of a QEMU card pass for a vendor's PXE ROM: a wire in QEMU's way from the card to the network takes what names iPXE
/// out of its DHCP packets. QEMU has no other ROM. The boot program that comes next speaks for itself.
/// </summary>
internal sealed class LegacyCard : IAsyncDisposable
{
    private const int Ethernet = 14, Udp = 8, DhcpOptions = 240;
    private const byte UserClass = 77, IpxeFeatures = 175, End = 255;
    private readonly Socket _from, _to;
    private readonly string _folder;
    private readonly CancellationTokenSource _pulled = new();
    private readonly Task _wire;
    private volatile string _bootProgram = string.Empty;

    /// <param name="folder">For the ends of the wire.</param>
    public LegacyCard(string folder)
    {
        _folder = folder;
        _from = Listen("from");
        _to = Listen("to");
        _wire = CarryAsync();
    }

    /// <summary>What the ROM asked for over TFTP; empty as long as it has not.</summary>
    public string BootProgram => _bootProgram;

    /// <summary>QEMU options: the wire (filter-redirector) at the network device of that name.</summary>
    public string[] Wire(string network) =>
    [
        "-chardev", $"socket,id=from,path={_folder}/from", "-chardev", $"socket,id=to,path={_folder}/to",
        "-object", $"filter-redirector,id=wire,netdev={network},queue=rx,outdev=from,indev=to",
    ];

    private Socket Listen(string name)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(_folder, name)));
        socket.Listen();
        return socket;
    }

    /// <summary>Each frame comes with its length before it.</summary>
    private async Task CarryAsync()
    {
        CancellationToken pulled = _pulled.Token;
        await using var from = new NetworkStream(await _from.AcceptAsync(pulled), ownsSocket: true);
        await using var to = new NetworkStream(await _to.AcceptAsync(pulled), ownsSocket: true);
        byte[] buffer = new byte[1 << 16];
        while (true)
        {
            await from.ReadExactlyAsync(buffer.AsMemory(0, 4), pulled);
            int length = BinaryPrimitives.ReadInt32BigEndian(buffer);
            await from.ReadExactlyAsync(buffer.AsMemory(4, length), pulled);
            Pass(buffer.AsSpan(4, length));
            await to.WriteAsync(buffer.AsMemory(0, 4 + length), pulled);
        }
    }

    private void Pass(Span<byte> frame)
    {
        if (_bootProgram.Length > 0 || frame.Length < Ethernet + 20 || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) != 0x0800 || frame[Ethernet + 9] != (byte)ProtocolType.Udp) return;
        Span<byte> datagram = frame[(Ethernet + (frame[Ethernet] & 15) * 4)..], content = datagram[Udp..];
        switch (BinaryPrimitives.ReadUInt16BigEndian(datagram[2..]))
        {
            // A read request: operation 1, then the name (RFC 1350).
            case 69 when content[1] == 1:
                _bootProgram = Encoding.ASCII.GetString(content[2..(2 + content[2..].IndexOf((byte)0))]);
                break;
            case 67 or 4011:
                Blank(content[DhcpOptions..]);
                // None: it would be wrong now (RFC 768).
                datagram.Slice(6, 2).Clear();
                break;
        }
    }

    /// <summary>Padding where iPXE would be recognised.</summary>
    private static void Blank(Span<byte> options)
    {
        while (options.Length > 1 && options[0] != End)
        {
            int size = options[0] == 0 ? 1 : 2 + options[1];
            if (options[0] is UserClass or IpxeFeatures) options[..size].Clear();
            options = options[size..];
        }
    }

    /// <summary>Pulls the cable.</summary>
    public async ValueTask DisposeAsync()
    {
        await _pulled.CancelAsync();
        await _wire.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _pulled.Dispose();
        _from.Dispose();
        _to.Dispose();
    }
}
