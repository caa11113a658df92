using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Osv.Bench.Load;

/// <summary>A connection to the peer over the only network card.</summary>
internal sealed class PeerConnection : IDisposable
{
    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[Peer.PieceBytes];

    public PeerConnection(int port)
    {
        Busybox("modprobe", "virtio_net");
        string card = Directory.GetFileSystemEntries("/sys/class/net").Select(entry => Path.GetFileName(entry)).Single(name => name != "lo");
        Busybox("ip", "address", "add", $"{Peer.GuestAddress}/24", "dev", card);
        Busybox("ip", "link", "set", card, "up");
        _socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        _socket.Connect(IPAddress.Parse(Peer.HostAddress), port);
    }

    /// <summary>One byte there, so many back.</summary>
    public void Ask(byte what, int bytes)
    {
        _buffer[0] = what;
        _socket.Send(_buffer.AsSpan(0, 1));
        for (int received = 0; received < bytes;)
        {
            int read = _socket.Receive(_buffer.AsSpan(0, bytes - received));
            if (read == 0) throw new IOException("the peer has ended the connection");
            received += read;
        }
    }

    public void Dispose() => _socket.Dispose();

    private static void Busybox(params string[] arguments)
    {
        using Process process = Process.Start("/bin/busybox", arguments);
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{string.Join(' ', arguments)} ended with status {process.ExitCode}");
    }
}
