using System.Net;
using System.Net.Sockets;
using Osv.Bench.Load;

namespace Osv.Bench.Devices;

/// <summary>The other end of the measured network, on the loopback of this machine (tests/bench/Load/Peer.cs says what it answers).</summary>
internal sealed class PeerServer : IAsyncDisposable
{
    private readonly Turns _turns;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _serving;

    /// <param name="guests">How many connect, and take turns.</param>
    public PeerServer(int guests)
    {
        _turns = new Turns(guests);
        _listener.Start();
        _serving = Task.WhenAll(Enumerable.Range(0, guests).Select(_ => ServeAsync()));
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        using Socket guest = await _listener.AcceptSocketAsync(_stop.Token);
        guest.NoDelay = true;
        try
        {
            await AnswerAsync(guest);
        }
        catch (SocketException)
        {
            // Its machine is off.
        }
        _turns.Leave();
    }

    private async Task AnswerAsync(Socket guest)
    {
        var buffer = new byte[Peer.PieceBytes];
        while (await guest.ReceiveAsync(buffer.AsMemory(0, 1), _stop.Token) == 1)
        {
            if (buffer[0] == Peer.Turn) await _turns.TakeAsync(guest).WaitAsync(_stop.Token);
            int bytes = buffer[0] == Peer.Stream ? buffer.Length : 1;
            for (int sent = 0; sent < bytes;) sent += await guest.SendAsync(buffer.AsMemory(sent, bytes - sent), _stop.Token);
        }
    }
}
