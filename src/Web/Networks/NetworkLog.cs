namespace Osv.Web.Networks;

internal static partial class NetworkLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "The switch of rack {Rack} cannot be told what is plugged in where, at {Socket}: {Reason}. Tenants with network cards do not start there")]
    public static partial void SwitchAway(this ILogger log, string rack, string socket, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The switch of rack {Rack} is back")]
    public static partial void SwitchBack(this ILogger log, string rack);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The network cards of rack {Rack} could not be read and are tried again")]
    public static partial void CardsUnread(this ILogger log, string rack, Exception error);
}
