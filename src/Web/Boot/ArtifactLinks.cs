using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Osv.Web.Gateway;

namespace Osv.Web.Boot;

/// <summary>
/// Links under which a node fetches a tenant's kernel and initial RAM disk. Signed for one placement, and good as long as that placement stands: so a
/// link never changes while it is needed (a download goes on where it stopped), and is worth nothing to anybody else afterwards. They are served
/// over plain HTTP beside the node image: what counts is that the bytes are the right ones, which the hash in the desired state says, and a
/// management core is too slow to decrypt gigabytes.
/// </summary>
internal sealed class ArtifactLinks(AuthorityStore authorities)
{
    public const string Path = "/netboot/v1/artifacts/";

    /// <param name="server">The netboot listener as nodes see it.</param>
    public async ValueTask<string> MakeAsync(Uri server, byte[] sha256, Guid tenant, long fence, CancellationToken cancel)
    {
        string name = Convert.ToHexStringLower(sha256), signature = Base64Url.EncodeToString(Sign(await KeyAsync(cancel), name, tenant, fence));
        return $"{server.GetLeftPart(UriPartial.Authority)}{Path}{name}?tenant={tenant:N}&fence={fence}&signature={signature}";
    }

    public async ValueTask<bool> IsGoodAsync(string sha256, Guid tenant, long fence, string signature, CancellationToken cancel)
    {
        byte[] right = Sign(await KeyAsync(cancel), sha256, tenant, fence);
        return CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(signature), Encoding.ASCII.GetBytes(Base64Url.EncodeToString(right)));
    }

    private async ValueTask<byte[]> KeyAsync(CancellationToken cancel) => (await authorities.GetAsync(cancel)).LinkKey;

    private static byte[] Sign(byte[] key, string sha256, Guid tenant, long fence) => HMACSHA256.HashData(key, Encoding.ASCII.GetBytes($"{sha256} {tenant:N} {fence}"));
}
