using System.Net;
using System.Net.Sockets;

namespace Osv.Postgres;

/// <summary>TCP ports of 127.0.0.1 that nobody listens on.</summary>
public static class LoopbackPort
{
    public static bool IsFree(int port)
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            probe.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            probe.Bind(new IPEndPoint(IPAddress.Loopback, port));
            probe.Listen(1);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>The preferred port if it is free, else any that is.</summary>
    /// <param name="preferred">Null: any.</param>
    public static int FreeOr(int? preferred)
    {
        if (preferred is { } port && IsFree(port)) return port;
        using var any = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        any.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)any.LocalEndPoint!).Port;
    }
}
