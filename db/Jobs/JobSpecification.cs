using System.Text.Json;
using System.Text.Json.Serialization;
using Osv.Data.Tenants;

namespace Osv.Data.Jobs;

/// <summary>Where the cores and memory of a tenant may lie.</summary>
public enum NumaRule
{
    /// <summary>As few cells as possible.</summary>
    FewestCells,
    /// <summary>All in one cell, or not at all.</summary>
    OneCell,
}

/// <summary>Whether to fill nodes or to even them out.</summary>
public enum PlacementStrategy
{
    Pack,
    Spread,
}

/// <summary>Together with or away from the tenants of a group of the same project.</summary>
/// <param name="Required">False: a preference.</param>
public sealed record GroupConstraint(string Group, GroupRule Rule, GroupScope Scope = GroupScope.Node, bool Required = true);

/// <summary>Where the replicas of a job may be.</summary>
public sealed record JobConstraints
{
    public NumaRule Numa { get; init; }

    public PlacementStrategy Strategy { get; init; }

    /// <summary>What labels of the node must be.</summary>
    public IReadOnlyDictionary<string, string> Labels { get => field; init => field = value ?? field; } = new Dictionary<string, string>();

    /// <summary>Groups that the tenants belong to.</summary>
    public IReadOnlyList<string> Groups { get => field; init => field = value ?? field; } = [];

    public IReadOnlyList<GroupConstraint> Affinity { get => field; init => field = value ?? field; } = [];

    /// <summary>May stop tenants of lower priority when nothing else helps.</summary>
    public bool MayPreempt { get; init; }
}

/// <summary>What each replica is.</summary>
/// <param name="Image">Id of the image.</param>
/// <param name="Cores">Hardware threads.</param>
/// <param name="MemoryBytes">A multiple of 2 MiB.</param>
/// <param name="UserData">As in <see cref="TenantUserData"/>; never in an answer.</param>
public sealed record TenantTemplate(
    string Image, int Cores, long MemoryBytes, int Nics = 0, int Disks = 0, RestartPolicy Restart = RestartPolicy.Always, string? SshKey = null, string? UserData = null,
    Dictionary<string, string>? Labels = null);

/// <summary>The text in <see cref="PlacementJob.Specification"/>: JSON with camelCase names, enumerations by name, absent or null members at their defaults.</summary>
public sealed record JobSpecification(TenantTemplate Template, JobConstraints Constraints)
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false) } };

    /// <exception cref="JsonException">It is no specification; the message says where.</exception>
    public static JobSpecification Parse(string json)
    {
        JobSpecification read = JsonSerializer.Deserialize<JobSpecification>(json, s_options) ?? throw new JsonException("the specification is null: give template and constraints");
        if (read.Template is null) throw new JsonException("the specification has no template: give image, cores and memoryBytes");
        return read.Constraints is null ? read with { Constraints = new JobConstraints() } : read;
    }

    public string Write() => JsonSerializer.Serialize(this, s_options);
}
