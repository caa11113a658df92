using System.Net.Sockets;
using System.Threading.Channels;
using Osv.Rack;

namespace Osv.Switch;

/// <summary>The switch's end of one cable. What its node does not take is kept for a while and then dropped: nobody waits for it.</summary>
internal sealed class Wire : IAsyncDisposable
{
    /// <summary>A frame with the largest payload QEMU carries fits.</summary>
    private const int LargestFrame = 69 << 10;

    /// <summary>In frames: more than a window of TCP, less than what would be late.</summary>
    private const int Kept = 512;

    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly UnixDomainSocketEndPoint _node;
    private readonly Channel<byte[]> _outgoing = Channel.CreateBounded<byte[]>(new BoundedChannelOptions(Kept) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    private readonly CancellationTokenSource _end = new();
    private readonly List<Task> _work = [];

    /// <exception cref="SocketException">It cannot listen there.</exception>
    public Wire(CableEnds ends)
    {
        _node = new UnixDomainSocketEndPoint(ends.Node);
        File.Delete(ends.Switch);
        _socket.Bind(new UnixDomainSocketEndPoint(ends.Switch));
    }

    public delegate void FrameHandler(ReadOnlySpan<byte> frame);

    /// <param name="received">Called for each frame of the node, one after the other.</param>
    public void Start(FrameHandler received)
    {
        _work.Add(Task.Run(() => ReceiveAsync(received)));
        _work.Add(Task.Run(SendAsync));
    }

    public void Send(ReadOnlySpan<byte> frame) => _outgoing.Writer.TryWrite(frame.ToArray());

    private async Task ReceiveAsync(FrameHandler received)
    {
        byte[] buffer = new byte[LargestFrame];
        while (true)
        {
            try
            {
                int length = await _socket.ReceiveAsync(buffer, _end.Token).ConfigureAwait(false);
                received(buffer.AsSpan(0, length));
            }
            catch (Exception ended) when (ended is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task SendAsync()
    {
        try
        {
            await foreach (byte[] frame in _outgoing.Reader.ReadAllAsync(_end.Token).ConfigureAwait(false))
            {
                try
                {
                    await _socket.SendToAsync(frame, SocketFlags.None, _node, _end.Token).ConfigureAwait(false);
                }
                catch (SocketException)
                {
                    // The node is off or its cable is not plugged in: nobody misses the frame.
                }
            }
        }
        catch (Exception ended) when (ended is OperationCanceledException or ObjectDisposedException)
        {
            // The cable was pulled.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_work).ConfigureAwait(false);
        _socket.Dispose();
        _end.Dispose();
    }
}
