using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Osv.Agent.Session;

/// <summary>The node's key, which never leaves memory, and the certificate that the control plane gave for it.</summary>
public sealed class NodeIdentity : IDisposable
{
    private NodeIdentity(string nodeId, X509Certificate2 certificate, byte[] authority, DateTimeOffset renewAfter)
    {
        NodeId = nodeId;
        Certificate = certificate;
        Authority = authority;
        RenewAfter = renewAfter;
    }

    public string NodeId { get; }

    /// <summary>With its private key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>The control plane's own, DER: whoever it has certified as a server is the control plane.</summary>
    public byte[] Authority { get; }
    public DateTimeOffset RenewAfter { get; }

    /// <summary>From then on no session takes the certificate.</summary>
    public DateTimeOffset Ends => Certificate.NotAfter;

    public static ECDsa NewKey() => ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>PKCS #10, DER. The authority decides on the name; what is written here is for people.</summary>
    public static byte[] Request(ECDsa key, string machine) => new CertificateRequest($"CN={Escape(machine)}", key, HashAlgorithmName.SHA256).CreateSigningRequest();

    private static string Escape(string value) => string.Concat(value.Where(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '.'));

    /// <exception cref="CryptographicException">The certificate is not one for this key.</exception>
    public static NodeIdentity Create(ECDsa key, string nodeId, byte[] certificate, byte[] authority, long renewAfterUnix)
    {
        using X509Certificate2 bare = X509CertificateLoader.LoadCertificate(certificate);
        return new NodeIdentity(nodeId, bare.CopyWithPrivateKey(key), authority, DateTimeOffset.FromUnixTimeSeconds(renewAfterUnix));
    }

    public static string HashOf(ReadOnlySpan<byte> authority) => Convert.ToHexStringLower(SHA256.HashData(authority));

    /// <summary>
    /// Whether a server is the control plane: the authority has certified it, as a server. Its name does
    /// not matter, as nodes know it by address; a node's own certificate is for clients only. Nor does the time: a node has no
    /// clock before it has reached the control plane.
    /// </summary>
    /// <param name="authority">DER.</param>
    public static bool IsControlPlane(X509Certificate? presented, X509Chain? chain, byte[] authority)
    {
        if (presented is null) return false;
        using X509Certificate2 server = X509CertificateLoader.LoadCertificate(presented.GetRawCertData()), root = X509CertificateLoader.LoadCertificate(authority);
        using var check = new X509Chain();
        check.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        check.ChainPolicy.CustomTrustStore.Add(root);
        if (chain is not null) check.ChainPolicy.ExtraStore.AddRange(chain.ChainPolicy.ExtraStore);
        check.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        check.ChainPolicy.DisableCertificateDownloads = true;
        check.ChainPolicy.VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid;
        check.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1"));
        return check.Build(server);
    }

    /// <summary>Transport for gRPC and for images.</summary>
    /// <param name="identity">Null before enrolment.</param>
    public static SocketsHttpHandler Transport(byte[] authority, NodeIdentity? identity)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(20),
            UseProxy = false,
            UseCookies = false,
        };
        handler.SslOptions = new SslClientAuthenticationOptions
        {
            RemoteCertificateValidationCallback = (_, certificate, chain, _) => IsControlPlane(certificate, chain, authority),
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        if (identity is not null)
        {
            handler.SslOptions.ClientCertificates = [identity.Certificate];
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => identity.Certificate;
        }
        return handler;
    }

    public void Dispose() => Certificate.Dispose();
}
