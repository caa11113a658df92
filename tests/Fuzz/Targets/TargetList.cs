using Osv.Fuzz.Engine;

namespace Osv.Fuzz.Targets;

/// <summary>Every surface, from the guest's side to the network's.</summary>
internal static class TargetList
{
    public static IEnumerable<FuzzTarget> Create() =>
    [
        new ControlTarget(),
        new IcrTarget(),
        new MmioTarget(),
        new MsrTarget(),
        new PortTarget(),
    ];
}
