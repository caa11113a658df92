using Osv.Contracts.ControlDevice;

namespace Osv.Placement.Requests;

/// <summary>Finds requests that no fleet could serve, before any node is looked at.</summary>
public static class RequestCheck
{
    public const int MaxAlternatives = 7;

    /// <summary>What is wrong and what to do, or null.</summary>
    public static string? Problem(PlacementRequest request)
    {
        if (string.IsNullOrEmpty(request.Tenant)) return "the tenant has no name: give it one";
        if (request.Cores is < 1 or > ControlLayout.MaxCores)
            return $"cores is {request.Cores}: ask for 1 to {ControlLayout.MaxCores}";
        if (request.MemoryUnits is < 1 or > PartitionLimits.MaxMemoryUnits)
            return $"memory is {PartitionLimits.Describe(request.MemoryUnits)}: ask for 2 MiB to {PartitionLimits.Describe(PartitionLimits.MaxMemoryUnits)}";
        if (request.Replicas < 1) return $"replicas is {request.Replicas}: ask for 1 or more";
        if (request.Alternatives is < 0 or > MaxAlternatives) return $"alternatives is {request.Alternatives}: ask for 0 to {MaxAlternatives}";
        if (request.Reserves is not null && request.Claims is not null)
            return $"it reserves {request.Reserves} and claims {request.Claims}: do one or the other";
        if (request.DeviceLocality == DeviceLocality.Required && request.Numa != NumaPolicy.OneCell)
            return "device locality is required without one NUMA cell: require one cell, or prefer locality";
        for (int i = 0; i < request.Devices.Length; i++)
        {
            if (request.Devices[i].Count < 1) return $"it asks for {request.Devices[i].Count} functions of class {request.Devices[i].Class}: ask for 1 or more";
            for (int j = 0; j < i; j++)
                if (request.Devices[j].Class == request.Devices[i].Class) return $"class {request.Devices[i].Class} is named twice: add the counts up";
        }
        foreach (SpreadRule rule in request.Spread)
            if (rule.MaxSkew < 1) return $"the spread of group {rule.Group} has skew {rule.MaxSkew}: give 1 or more";
        foreach (LabelRule rule in request.Labels)
            if (rule.Operator is LabelOperator.In or LabelOperator.NotIn && rule.Values.IsDefaultOrEmpty) return $"the rule for label {rule.Key} names no value: give one";
        return null;
    }
}
