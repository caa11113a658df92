namespace Osv.Switch;

internal static partial class SwitchLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Card {Address} of node {Node} is in segment {Segment} for placement {Fence}")]
    public static partial void Plugged(this ILogger log, string node, string address, Guid segment, long fence);

    [LoggerMessage(Level = LogLevel.Information, Message = "Card {Address} of node {Node} is in no segment")]
    public static partial void Unplugged(this ILogger log, string node, string address);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The cable of card {Address} of node {Node}: {Reason}")]
    public static partial void Failed(this ILogger log, string node, string address, string reason);
}
