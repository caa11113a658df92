using System.Net.Sockets;

namespace Osv.Cli.Cloud;

/// <summary>The process that carries frames between tenants' cards. It runs before any tenant can, and keeps nothing.</summary>
internal static class SwitchProcess
{
    public static CloudProcess Of(CloudHome home) => new("switch", ProgramBuild.Switch(Repository.Root).Assembly, home.SwitchProcess, home.SwitchLog);

    public static Task StartAsync(CloudHome home, CancellationToken cancel) =>
        // It keeps little: memory is given back, and no heap made per core.
        Of(home).StartAsync([home.RackFolder, home.SwitchSocket], new Dictionary<string, string> { ["DOTNET_gcServer"] = "0" }, stop => ListensAsync(home.SwitchSocket, stop), cancel);

    private static async Task<bool> ListensAsync(string path, CancellationToken cancel)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel).ConfigureAwait(false);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
