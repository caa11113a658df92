namespace Osv.Web.Boot;

internal static partial class BootLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "An unknown machine, serial number {Serial}, MAC {Mac}, is node {Node} now and waits for approval")]
    public static partial void MachineDiscovered(this ILogger log, string node, string serial, string mac);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} has the UUID {Known}; a machine with the same serial number, UUID {Asked} and MAC {Mac} was turned away")]
    public static partial void IdentityMismatch(this ILogger log, string node, Guid known, string asked, string mac);

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {Node} boots from {Mac}")]
    public static partial void BootBegins(this ILogger log, string node, string mac);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A machine asked to boot and there is nothing to boot: set Osv:Netboot:Monitor and Osv:Netboot:Payload")]
    public static partial void NothingToBoot(this ILogger log);

    [LoggerMessage(Level = LogLevel.Information, Message = "Machines boot from {Address}")]
    public static partial void NetbootListens(this ILogger log, Uri address);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A content was to be sent to a node and could not be: {Problem}")]
    public static partial void ContentFailed(this ILogger log, string problem);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A request of the boot network could not be served now")]
    public static partial void RequestFailed(this ILogger log, Exception error);
}
