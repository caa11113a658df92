namespace Osv.Web.Consoles;

/// <summary>Carries what people type to the node that runs their tenant.</summary>
public interface IConsoleTransport
{
    /// <summary>Sends bytes to the console of a tenant.</summary>
    /// <returns>False if this replica holds no stream to the tenant's node: another one may.</returns>
    ValueTask<bool> TrySendAsync(Guid tenantId, ReadOnlyMemory<byte> data, CancellationToken cancel);
}
