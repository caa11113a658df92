using Osv.Netboot;

namespace Osv.Web.Gateway;

internal static partial class GatewayLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Agents are served at {Address}")]
    public static partial void GatewayListens(this ILogger log, Uri address);

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {Node} is enrolled; its certificate {Serial} is good until {Until}")]
    public static partial void NodeEnrolled(this ILogger log, string node, string serial, DateTimeOffset until);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A machine with serial number {Serial} and MAC {Mac} was not enrolled: its token is {Verdict}, issued for {Node}")]
    public static partial void EnrolmentRefused(this ILogger log, string serial, string mac, BootTokenVerdict verdict, string? node);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} is back after its certificate ended at {Ended}; the new one, {Serial}, is good until {Until}")]
    public static partial void NodeReturned(this ILogger log, string node, DateTimeOffset ended, string serial, DateTimeOffset until);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} did not get a new certificate: its own {Problem}")]
    public static partial void ReturnRefused(this ILogger log, string node, string problem);

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {Node} is connected, {How}, agent {Version}")]
    public static partial void NodeConnected(this ILogger log, string node, string how, string version);

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {Node} is disconnected: {Why}")]
    public static partial void NodeDisconnected(this ILogger log, string node, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} sent something that was not taken: {Problem}")]
    public static partial void ReportRefused(this ILogger log, string node, string problem);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{What} could not be written and is tried again")]
    public static partial void WriteFailed(this ILogger log, string what, Exception error);

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {Node} is told its desired state {Revision}: {Partitions} partitions")]
    public static partial void DesiredSent(this ILogger log, string node, ulong revision, int partitions);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} is ordered to {Command} by {By}")]
    public static partial void CommandSent(this ILogger log, string node, string command, string by);

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {Node} reported {Cores} cores and {MiB} MiB for tenants")]
    public static partial void InventoryTaken(this ILogger log, string node, int cores, long miB);

    [LoggerMessage(Level = LogLevel.Information, Message = "The certificate of node {Node} is renewed")]
    public static partial void CertificateRenewed(this ILogger log, string node);
}
