using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Osv.Agent.Node;

/// <summary>What <c>osv-agent status</c> shows.</summary>
public sealed record AgentStatus(
    string Version, string? NodeId, string BootId, string ControlPlane, DateTimeOffset? ConnectedSince, double SilentSeconds, double LeaseSeconds,
    ulong Revision, uint ManagementRestarts, int Cores, int FreeCores, long ResidentBytes, DateTimeOffset Written, IReadOnlyList<PartitionStatus> Partitions)
{
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, StatusFormat.Default.AgentStatus);

    public static AgentStatus? FromJson(ReadOnlySpan<byte> json) => JsonSerializer.Deserialize(json, StatusFormat.Default.AgentStatus);

    /// <summary>For people.</summary>
    public string ToText(DateTimeOffset now)
    {
        var text = new StringBuilder();
        void Line(string name, string value) => text.Append(CultureInfo.InvariantCulture, $"{name,-15}{value}\n");
        Line("agent", Version);
        Line("node", NodeId ?? "not enrolled");
        Line("control plane", ConnectedSince is { } since ? $"{ControlPlane}, connected since {since:u}" : $"{ControlPlane}, NOT connected, silent for {SilentSeconds:0} s");
        Line("lease", LeaseSeconds > 0 ? $"{LeaseSeconds:0} s" : "none yet");
        Line("desired", $"revision {Revision}");
        Line("cores", $"{Cores}, {FreeCores} free");
        Line("restarts", $"{ManagementRestarts} of the management Linux");
        Line("memory", $"{ResidentBytes >> 20} MiB resident");
        if ((now - Written).TotalSeconds > 10) Line("warning", $"the agent wrote this {(now - Written).TotalSeconds:0} s ago and may not be running");
        text.Append(CultureInfo.InvariantCulture, $"\n{"NAME",-20}{"TENANT",-38}{"PARTITION",-11}{"PHASE",-12}{"CORES",-7}{"MEMORY",-9}{"RESTARTS",-10}REASON\n");
        foreach (PartitionStatus partition in Partitions)
            text.Append(CultureInfo.InvariantCulture, $"{partition.Name,-19} {partition.TenantId,-38}{partition.Partition,-11}{partition.Phase,-12}{partition.Cores,-7}{partition.MemoryBytes >> 20,-5}MiB {partition.Restarts,-10}{partition.Reason}\n");
        return text.ToString();
    }
}

public sealed record PartitionStatus(string TenantId, string Name, uint Partition, string Phase, string Reason, int Cores, ulong MemoryBytes, uint Restarts);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(AgentStatus))]
internal sealed partial class StatusFormat : JsonSerializerContext;
