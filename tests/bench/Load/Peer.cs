namespace Osv.Bench.Load;

/// <summary>
/// What the load and its peer on the network know (tests/bench/Devices): the guest sends one byte, the peer answers with the
/// same byte or with a piece of bytes. The byte <see cref="Turn"/> says that the guest has ended its turn, if it had one, and wants
/// another: it comes back when the turn begins.
/// </summary>
public static class Peer
{
    public const byte Echo = (byte)'e', Stream = (byte)'s', Turn = (byte)'t';
    public const int PieceBytes = 1 << 20;
    /// <summary>QEMU's user networking: the guest's address, and the one behind which the loopback of QEMU's machine lies.</summary>
    public const string GuestAddress = "10.0.2.15", HostAddress = "10.0.2.2";
}
