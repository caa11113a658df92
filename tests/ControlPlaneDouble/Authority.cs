using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Osv.ControlPlaneDouble;

/// <summary>A certificate authority with one server certificate, made for one run.</summary>
public sealed class Authority : IDisposable
{
    private static readonly Oid s_server = new("1.3.6.1.5.5.7.3.1"), s_client = new("1.3.6.1.5.5.7.3.2");
    private readonly X509Certificate2 _root;

    public Authority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=OSV test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        _root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));

        using var serverKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var serverRequest = new CertificateRequest("CN=control", serverKey, HashAlgorithmName.SHA256);
        serverRequest.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([s_server], true));
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        serverRequest.CertificateExtensions.Add(names.Build());
        using X509Certificate2 bare = Sign(serverRequest, DateTimeOffset.UtcNow, TimeSpan.FromDays(30));
        using X509Certificate2 paired = bare.CopyWithPrivateKey(serverKey);
        Server = X509CertificateLoader.LoadPkcs12(paired.Export(X509ContentType.Pkcs12), null);
    }

    public X509Certificate2 Server { get; }
    public byte[] Root => _root.RawData;
    public string RootHash => Convert.ToHexStringLower(SHA256.HashData(_root.RawData));

    /// <summary>A certificate for the key of a request, under the node's own name.</summary>
    public byte[] CertifyNode(byte[] request, string nodeId, DateTimeOffset now, out byte[] publicKey)
    {
        CertificateRequest asked = CertificateRequest.LoadSigningRequest(request, HashAlgorithmName.SHA256);
        publicKey = asked.PublicKey.ExportSubjectPublicKeyInfo();
        var named = new CertificateRequest(new X500DistinguishedName($"CN={nodeId}"), asked.PublicKey, HashAlgorithmName.SHA256);
        named.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([s_client], true));
        using X509Certificate2 certificate = Sign(named, now, TimeSpan.FromDays(7));
        return certificate.RawData;
    }

    /// <summary>Whether it was certified here, even if it has ended: that is for the services to judge.</summary>
    public bool IsNode(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(_root);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(s_client);
        chain.ChainPolicy.VerificationTime = certificate.NotBefore.ToUniversalTime();
        return chain.Build(certificate);
    }

    private X509Certificate2 Sign(CertificateRequest request, DateTimeOffset now, TimeSpan life)
    {
        using ECDsa key = _root.GetECDsaPrivateKey()!;
        return request.Create(_root.SubjectName, X509SignatureGenerator.CreateForECDsa(key), now.AddHours(-1), now + life, RandomNumberGenerator.GetBytes(12));
    }

    public void Dispose()
    {
        Server.Dispose();
        _root.Dispose();
    }
}
