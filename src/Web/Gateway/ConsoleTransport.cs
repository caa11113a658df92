using Google.Protobuf;
using Osv.Web.Consoles;
using Wire = Osv.Contracts.Node;

namespace Osv.Web.Gateway;

/// <summary>Sends what is typed over the stream of the tenant's node, where this replica holds it.</summary>
internal sealed class ConsoleTransport(NodeLinks links) : IConsoleTransport
{
    public ValueTask<bool> TrySendAsync(Guid tenantId, ReadOnlyMemory<byte> data, CancellationToken cancel) =>
        ValueTask.FromResult(links.OfTenant(tenantId)?.Send(new Wire.ControlEnvelope { Console = new Wire.ConsoleInput { TenantId = tenantId.ToString(), Data = ByteString.CopyFrom(data.Span) } }) == true);
}
