using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Osv.Ring0.Tests;

/// <summary>
/// Physical memory of a QEMU machine through its debug port (GDB remote protocol, with QEMU's PhyMemMode).
/// The machine stands still while this is connected.
/// </summary>
internal sealed class GdbStub : IDisposable
{
    private readonly TcpClient _client;
    private NetworkStream _stream = null!;

    private GdbStub(TcpClient client) => _client = client;

    public static async Task<GdbStub> ConnectAsync(int port, CancellationToken cancel)
    {
        var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", port, cancel);
        return await BeginAsync(client, cancel);
    }

    /// <summary>For a machine that connects itself: -chardev socket,id=ID,host=127.0.0.1,port=PORT -gdb chardev:ID.</summary>
    public static async Task<GdbStub> AcceptAsync(TcpListener listener, CancellationToken cancel) =>
        await BeginAsync(await listener.AcceptTcpClientAsync(cancel), cancel);

    private static async Task<GdbStub> BeginAsync(TcpClient client, CancellationToken cancel)
    {
        var stub = new GdbStub(client);
        stub._stream = stub._client.GetStream();
        (await stub.AskAsync("?", cancel)).ShouldStartWith("T");
        (await stub.AskAsync("Qqemu.PhyMemMode:1", cancel)).ShouldBe("OK");
        return stub;
    }

    public async Task<byte[]> ReadAsync(ulong address, int bytes, CancellationToken cancel)
    {
        string reply = await AskAsync(string.Create(CultureInfo.InvariantCulture, $"m{address:x},{bytes:x}"), cancel);
        return reply.StartsWith('E') ? [] : Convert.FromHexString(reply);
    }

    public async Task WriteAsync(ulong address, byte[] bytes, CancellationToken cancel) =>
        (await AskAsync(string.Create(CultureInfo.InvariantCulture, $"M{address:x},{bytes.Length:x}:{Convert.ToHexStringLower(bytes)}"), cancel)).ShouldBe("OK");

    /// <summary>Runs until a processor is about to execute this address; there it stands still.</summary>
    public async Task RunToAsync(ulong address, CancellationToken cancel)
    {
        // A processor that stands at a breakpoint is stepped off it first.
        await AskAsync("s", cancel);
        (await AskAsync(string.Create(CultureInfo.InvariantCulture, $"Z0,{address:x},1"), cancel)).ShouldBe("OK");
        (await AskAsync("c", cancel)).ShouldStartWith("T");
        (await AskAsync(string.Create(CultureInfo.InvariantCulture, $"z0,{address:x},1"), cancel)).ShouldBe("OK");
    }

    /// <summary>General registers by their numbers in the protocol.</summary>
    public const int Rax = 0, Rcx = 2;

    public async Task<ulong> ReadRegisterAsync(int number, CancellationToken cancel) =>
        BitConverter.ToUInt64(Convert.FromHexString(await AskAsync(string.Create(CultureInfo.InvariantCulture, $"p{number:x}"), cancel)));

    public async Task WriteRegisterAsync(int number, ulong value, CancellationToken cancel) =>
        (await AskAsync(string.Create(CultureInfo.InvariantCulture, $"P{number:x}={Convert.ToHexStringLower(BitConverter.GetBytes(value))}"), cancel)).ShouldBe("OK");

    /// <summary>Lets the machine run on.</summary>
    public async Task DetachAsync(CancellationToken cancel) => (await AskAsync("D", cancel)).ShouldBe("OK");

    private async Task<string> AskAsync(string packet, CancellationToken cancel)
    {
        int sum = Encoding.ASCII.GetBytes(packet).Sum(value => value) & 0xFF;
        await _stream.WriteAsync(Encoding.ASCII.GetBytes($"${packet}#{sum:x2}"), cancel);
        var reply = new StringBuilder();
        var one = new byte[1];
        while (true)
        {
            await _stream.ReadExactlyAsync(one, cancel);
            char character = (char)one[0];
            if (character == '$') reply.Clear();
            else if (character == '#') break;
            else reply.Append(character);
        }
        await _stream.ReadExactlyAsync(new byte[2], cancel);
        await _stream.WriteAsync("+"u8.ToArray(), cancel);
        return reply.ToString().TrimStart('+');
    }

    public void Dispose() => _client.Dispose();
}
