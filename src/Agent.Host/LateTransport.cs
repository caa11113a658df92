namespace Osv.Agent.Host;

/// <summary>A transport that is made when the node has its certificate; before that nothing can be asked for.</summary>
/// <param name="make">Null: not yet.</param>
internal sealed class LateTransport(Func<HttpMessageHandler?> make) : HttpMessageHandler
{
    private readonly Lock _gate = new();
    private HttpMessageInvoker? _transport;

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_transport is null && make() is { } made) _transport = new HttpMessageInvoker(made);
        }
        return _transport?.SendAsync(request, cancellationToken) ?? throw new HttpRequestException("this node is not enrolled yet");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _transport?.Dispose();
        base.Dispose(disposing);
    }
}
