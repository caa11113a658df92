using System.Text.Json;

namespace Osv.Cli.Cloud;

/// <summary>What a cloud on this machine is like; kept, so that a later <c>up</c> without options brings back the same.</summary>
internal sealed record CloudSettings
{
    public int Nodes { get; init; } = 1;

    /// <summary>Of each node.</summary>
    public int Cores { get; init; } = 4;

    /// <summary>Of each node.</summary>
    public long MemoryBytes { get; init; } = 4L << 30;

    /// <summary>For tenants of each new node.</summary>
    public int Nics { get; init; } = 2;

    /// <inheritdoc cref="Nics"/>
    public int Disks { get; init; } = 2;

    /// <summary>Ports on the loopback interface.</summary>
    public int ConsolePort { get; init; } = 5080;
    public int NetbootPort { get; init; } = 5081;
    public int GatewayPort { get; init; } = 5443;

    /// <summary>Where the control plane that was started last looks for its database; null: not started yet.</summary>
    public int? DatabasePort { get; init; }

    public Uri Console => new($"http://127.0.0.1:{ConsolePort}");

    /// <summary>The host's loopback interface as the nodes of the virtual rack see it.</summary>
    public Uri NetbootForNodes => new($"http://10.0.2.2:{NetbootPort}");

    public Uri GatewayForNodes => new($"https://10.0.2.2:{GatewayPort}");

    public static CloudSettings? Load(string file) => File.Exists(file) ? JsonSerializer.Deserialize<CloudSettings>(File.ReadAllText(file)) : null;

    public void Save(string file)
    {
        string part = file + ".part";
        File.WriteAllText(part, JsonSerializer.Serialize(this));
        File.Move(part, file, overwrite: true);
    }
}
