using Osv.Fuzz.Engine;
using Osv.Fuzz.Targets.Agent;
using Osv.Fuzz.Targets.Ring0;

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
        new PciTarget(),
        new ExitTarget(),
        new BootTarget(),
        new FirmwareTarget(),
        new PayloadTarget(),
        new LinuxTarget(),
        new OptionsTarget(),
        new SessionTarget(),
    ];
}
