using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Osv.Contracts.Node;

namespace Osv.ControlPlaneDouble;

internal sealed class EnrolmentService(Registry registry) : Enrolment.EnrolmentBase
{
    public override Task<EnrolReply> Enrol(EnrolRequest request, ServerCallContext context) => Task.FromResult(registry.Enrol(request));

    public override Task<Certificate> Renew(RenewalRequest request, ServerCallContext context) =>
        Task.FromResult(registry.Return(request, context.GetHttpContext().Connection.ClientCertificate!.GetNameInfo(X509NameType.SimpleName, false)));
}

internal sealed class SessionService(Registry registry) : NodeSession.NodeSessionBase
{
    public override async Task Connect(IAsyncStreamReader<AgentEnvelope> requestStream, IServerStreamWriter<ControlEnvelope> responseStream, ServerCallContext context)
    {
        HttpContext http = context.GetHttpContext();
        X509Certificate2 certificate = http.Connection.ClientCertificate ?? throw new RpcException(new Status(StatusCode.Unauthenticated, "no client certificate"));
        if (certificate.NotAfter.ToUniversalTime() < registry.Time.GetUtcNow().UtcDateTime) throw new RpcException(new Status(StatusCode.Unauthenticated, "the certificate has ended"));
        if (registry.Closed) throw new RpcException(new Status(StatusCode.Unavailable, "closed for a test"));
        NodeRecord node = registry.Node(certificate.GetNameInfo(X509NameType.SimpleName, false));
        using var stream = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        if (!await requestStream.MoveNext(stream.Token).ConfigureAwait(false) || requestStream.Current.Hello is not { } hello) throw new RpcException(new Status(StatusCode.InvalidArgument, "the first message is not a hello"));
        ControlEnvelope welcome = node.Welcome(hello, requestStream.Current.Acknowledged, stream) ?? throw new RpcException(new Status(StatusCode.FailedPrecondition, "this session is not known"));
        try
        {
            await responseStream.WriteAsync(welcome, stream.Token).ConfigureAwait(false);
            Task reading = ReadAsync(requestStream, node, stream.Token);
            ulong sent = 0;
            while (!reading.IsCompleted)
            {
                (IReadOnlyList<ControlEnvelope> envelopes, Task more) = node.After(sent);
                foreach (ControlEnvelope envelope in envelopes)
                {
                    sent = envelope.Sequence;
                    await responseStream.WriteAsync(new ControlEnvelope(envelope) { Acknowledged = node.Received }, stream.Token).ConfigureAwait(false);
                }
                if (envelopes.Count == 0) await responseStream.WriteAsync(new ControlEnvelope { Acknowledged = node.Received }, stream.Token).ConfigureAwait(false);
                await Task.WhenAny(more, reading).ConfigureAwait(false);
            }
            await reading.ConfigureAwait(false);
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or InvalidOperationException)
        {
            // Cut, by the test or by the other side: nothing is said, as when a cable is pulled.
            http.Abort();
        }
        finally
        {
            node.Left(stream);
        }
    }

    private static async Task ReadAsync(IAsyncStreamReader<AgentEnvelope> from, NodeRecord node, CancellationToken cancel)
    {
        while (await from.MoveNext(cancel).ConfigureAwait(false)) node.Receive(from.Current);
    }
}
