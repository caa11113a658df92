namespace Osv.Web.Consoles;

/// <summary>Takes what consoles print, as the nodes send it.</summary>
public interface IConsoleReceiver
{
    /// <summary>Takes a stretch of one console's byte stream. It is stored when the task ends: the node may forget it then.</summary>
    /// <param name="tenantId">The tenant whose console it is.</param>
    /// <param name="instance">Counts the starts of the tenant on its node; names the stream.</param>
    /// <param name="offset">Of the first byte in the stream of this instance.</param>
    /// <param name="data">The bytes, as the guest printed them.</param>
    /// <param name="lostBefore">Bytes right before <paramref name="offset"/> that nobody could keep.</param>
    /// <param name="time">When the node read them.</param>
    /// <param name="cancel">Ends the wait.</param>
    Task ReceiveAsync(
        Guid tenantId,
        long instance,
        long offset,
        ReadOnlyMemory<byte> data,
        long lostBefore,
        DateTimeOffset time,
        CancellationToken cancel);

    /// <summary>How far the consoles of a node's tenants are known: bytes before the offset are stored.</summary>
    Task<IReadOnlyList<(Guid TenantId, long Instance, long Offset)>> PositionsAsync(Guid nodeId, CancellationToken cancel);
}
