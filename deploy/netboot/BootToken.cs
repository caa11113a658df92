using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Osv.Netboot;

/// <summary>What became of a token that somebody showed.</summary>
public enum BootTokenVerdict
{
    Good,
    Unknown,
    Expired,
    /// <summary>Shown with a key it was used with before: the same agent asks again.</summary>
    SameKeyAgain,
    /// <summary>Already used with another key.</summary>
    Used,
    /// <summary>Given to another machine.</summary>
    OtherMachine,
}

/// <summary>
/// A boot token as its issuer keeps it: the hash only. It is good for one key of one machine: the first one that shows it.
/// </summary>
/// <param name="Hash">SHA-256 of the token, hex.</param>
/// <param name="KeyHash">SHA-256 of the public key it was used with, hex; null: not used yet.</param>
public sealed record BootToken(string Hash, BootMachine Machine, DateTimeOffset Expires, string? KeyHash)
{
    /// <summary>Enough for the slowest firmware, and for a person to approve the node.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    /// <summary>A new token: 256 random bits, and what to keep of it.</summary>
    public static (string Token, BootToken Kept) Issue(BootMachine machine, DateTimeOffset now)
    {
        string token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        return (token, new BootToken(HashOf(token), machine, now + Lifetime, null));
    }

    public static string HashOf(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(token)));

    /// <param name="kept">What was found under the token's hash, or null.</param>
    /// <param name="publicKey">Of the certificate request, as SubjectPublicKeyInfo.</param>
    public static BootTokenVerdict Check(BootToken? kept, BootMachine machine, ReadOnlySpan<byte> publicKey, DateTimeOffset now)
    {
        if (kept is null) return BootTokenVerdict.Unknown;
        if (kept.Machine != machine) return BootTokenVerdict.OtherMachine;
        if (kept.KeyHash is { } used) return used == Convert.ToHexStringLower(SHA256.HashData(publicKey)) ? BootTokenVerdict.SameKeyAgain : BootTokenVerdict.Used;
        return now > kept.Expires ? BootTokenVerdict.Expired : BootTokenVerdict.Good;
    }

    /// <summary>Bound to the key from now on.</summary>
    public BootToken UsedWith(ReadOnlySpan<byte> publicKey) => this with { KeyHash = Convert.ToHexStringLower(SHA256.HashData(publicKey)) };
}
