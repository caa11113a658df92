using System.Text.Json;

namespace Osv.Bench.Streams;

/// <summary>What one simulated agent is known by.</summary>
/// <param name="Certificate">DER, of the control plane's authority.</param>
/// <param name="Key">PKCS #8.</param>
internal sealed record Credential(Guid Node, byte[] Certificate, byte[] Key);

/// <summary>What the process of the agents is given.</summary>
/// <param name="Authority">DER.</param>
internal sealed record SwarmOrder(Uri Gateway, byte[] Authority, IReadOnlyList<Credential> Nodes)
{
    public void Write(string file)
    {
        using var stream = new FileStream(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        JsonSerializer.Serialize(stream, this);
    }

    public static SwarmOrder Read(string file)
    {
        using FileStream stream = File.OpenRead(file);
        return JsonSerializer.Deserialize<SwarmOrder>(stream) ?? throw new JsonException($"{file} is empty");
    }
}
