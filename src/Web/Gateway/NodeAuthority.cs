using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Osv.Web.Gateway;

/// <summary>A certificate that was issued to a node.</summary>
/// <param name="Der">X.509.</param>
/// <param name="SerialNumber">Lower-case hexadecimal.</param>
/// <param name="PublicKey">Subject public key info.</param>
internal sealed record IssuedCertificate(byte[] Der, string SerialNumber, byte[] PublicKey, DateTimeOffset NotBefore, DateTimeOffset NotAfter)
{
    public byte[] PublicKeySha256 { get; } = SHA256.HashData(PublicKey);
}

/// <summary>The certificate authority of the nodes: certifies them as clients and the control plane as a server. Thread-safe.</summary>
internal sealed class NodeAuthority : IDisposable
{
    /// <summary>Clocks of replicas may differ by this much.</summary>
    private static readonly TimeSpan Skew = TimeSpan.FromHours(1);

    private static readonly TimeSpan RootLife = TimeSpan.FromDays(20 * 365), ServerLife = TimeSpan.FromDays(30);

    private static readonly Oid Server = new("1.3.6.1.5.5.7.3.1"), Client = new("1.3.6.1.5.5.7.3.2");

    /// <summary>OID of the curve P-256 (RFC 5480, 2.1.1.1).</summary>
    private const string P256 = "1.2.840.10045.3.1.7";

    private readonly X509Certificate2 _root;
    private readonly ECDsa _key;

    /// <param name="root">DER.</param>
    /// <param name="privateKey">PKCS #8.</param>
    public NodeAuthority(byte[] root, byte[] privateKey)
    {
        _root = X509CertificateLoader.LoadCertificate(root);
        _key = ECDsa.Create();
        _key.ImportPkcs8PrivateKey(privateKey, out _);
        RootSha256 = Convert.ToHexStringLower(SHA256.HashData(root));
        // Every replica derives the same key, and nobody else can: links signed by one are good at the others.
        LinkKey = HKDF.DeriveKey(HashAlgorithmName.SHA256, privateKey, 32, info: "osv artifact links"u8.ToArray());
    }

    public byte[] Root => _root.RawData;

    /// <summary>Lower-case hexadecimal; boot scripts name it.</summary>
    public string RootSha256 { get; }

    /// <summary>Signs links to artifacts.</summary>
    public byte[] LinkKey { get; }

    /// <summary>A new authority: its certificate (DER) and private key (PKCS #8).</summary>
    public static (byte[] Root, byte[] PrivateKey) Create(DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=OSV Cloud node authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        using X509Certificate2 root = request.CreateSelfSigned(now - Skew, now + RootLife);
        return (root.RawData, key.ExportPkcs8PrivateKey());
    }

    /// <summary>Certifies the key of a request under the node's own name; what the request says of names does not count.</summary>
    /// <exception cref="CryptographicException">The request is none, not signed by its key, or its key is not on P-256.</exception>
    public IssuedCertificate CertifyNode(byte[] request, Guid node, DateTimeOffset now, TimeSpan life)
    {
        CertificateRequest asked = CertificateRequest.LoadSigningRequest(request, HashAlgorithmName.SHA256);
        using (ECDsa key = asked.PublicKey.GetECDsaPublicKey() ?? throw new CryptographicException("the key is not one of an elliptic curve"))
        {
            if (key.ExportParameters(false).Curve.Oid.Value != P256) throw new CryptographicException("the key is not on the curve P-256");
        }
        var named = new CertificateRequest(new X500DistinguishedName($"CN={node}"), asked.PublicKey, HashAlgorithmName.SHA256);
        named.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([Client], true));
        DateTimeOffset from = now - Skew, to = now + life;
        using X509Certificate2 certificate = Sign(named, from, to);
        return new IssuedCertificate(certificate.RawData, certificate.SerialNumber.ToLowerInvariant(), asked.PublicKey.ExportSubjectPublicKeyInfo(), from, to);
    }

    /// <summary>A certificate with a new key for the control plane's own listener.</summary>
    /// <param name="names">Host names and addresses that nodes may use.</param>
    public X509Certificate2 CertifyServer(IEnumerable<string> names, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=OSV Cloud control plane", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([Server], true));
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (string name in names.Distinct(StringComparer.OrdinalIgnoreCase))
        {
            if (IPAddress.TryParse(name.Trim('[', ']'), out IPAddress? address)) alternatives.AddIpAddress(address);
            else alternatives.AddDnsName(name);
        }
        request.CertificateExtensions.Add(alternatives.Build());
        using X509Certificate2 bare = Sign(request, now - Skew, now + ServerLife), paired = bare.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(paired.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>When it was issued, rounded up: certificates tell whole seconds.</summary>
    public static DateTimeOffset Issued(X509Certificate2 certificate) => new DateTimeOffset(certificate.NotBefore) + Skew + TimeSpan.FromSeconds(1);

    /// <summary>Whether this authority certified it as a node. That it has ended, or was revoked, is for the services to judge, which can say so.</summary>
    public bool IsNode(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(_root);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.ApplicationPolicy.Add(Client);
        chain.ChainPolicy.VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid;
        return chain.Build(certificate);
    }

    private X509Certificate2 Sign(CertificateRequest request, DateTimeOffset from, DateTimeOffset to)
    {
        byte[] serial = RandomNumberGenerator.GetBytes(16);
        // Positive, and as long as it was made (RFC 5280, 4.1.2.2).
        serial[0] = (byte)(serial[0] & 0x7F | 0x40);
        lock (_key) return request.Create(_root.SubjectName, X509SignatureGenerator.CreateForECDsa(_key), from, to, serial);
    }

    public void Dispose()
    {
        _root.Dispose();
        _key.Dispose();
    }
}
