using System.Security.Cryptography.X509Certificates;
using Grpc.Core;

namespace Osv.Web.Gateway;

/// <summary>The certificate that a node came with. The listener has let in only what our authority certified as a node; it may have ended or been revoked.</summary>
/// <param name="SerialNumber">Lower-case hexadecimal.</param>
internal sealed record NodeCertificate(Guid Node, string SerialNumber, DateTimeOffset Issued, DateTimeOffset Ends)
{
    /// <exception cref="RpcException">There is none.</exception>
    public static NodeCertificate Of(ServerCallContext context)
    {
        X509Certificate2 certificate = context.GetHttpContext().Connection.ClientCertificate ?? throw Unauthenticated("a node comes with the certificate that enrolment gave it");
        return Guid.TryParse(certificate.GetNameInfo(X509NameType.SimpleName, false), out Guid node)
            ? new NodeCertificate(node, certificate.SerialNumber.ToLowerInvariant(), NodeAuthority.Issued(certificate), certificate.NotAfter)
            : throw Unauthenticated("the certificate names no node");
    }

    /// <summary>Itself, while it is good.</summary>
    /// <exception cref="RpcException">It has ended.</exception>
    public NodeCertificate StillGood(DateTimeOffset now) => now <= Ends ? this : throw Unauthenticated($"the certificate ended at {Ends.UtcDateTime:u}: renew it");

    private static RpcException Unauthenticated(string why) => new(new Status(StatusCode.Unauthenticated, why));
}
