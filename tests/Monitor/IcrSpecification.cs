using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

/// <summary>
/// What a write to the ICR does, said once more and in another way: first who is meant on a whole machine, by the words of
/// the manual, then who of them is one's own, then what happens to each.
/// </summary>
internal sealed record IcrSpecification(bool Reached, Interrupt[] Interrupts, int[] Kicks, (uint Requests, byte SipiVector)[] After)
{
    public static IcrSpecification Of(TestNode node, int sender, ulong value)
    {
        string mode = new[] { "fixed", "lowest", "smi", "reserved", "nmi", "init", "sipi", "extint" }[(int)(value / 256 % 8)];
        bool logical = value / 0x800 % 2 == 1, assert = value / 0x4000 % 2 == 1, level = value / 0x8000 % 2 == 1;
        string shorthand = new[] { "none", "self", "all", "others" }[(int)(value / 0x4_0000 % 4)];
        byte vector = (byte)(value % 256);
        uint destination = (uint)(value / 0x1_0000_0000);

        var nothing = new IcrSpecification(false, [], [], [.. node.Cores.Select(core => (core.Requests, core.SipiVector))]);
        if (mode is "lowest" or "smi" or "reserved" or "extint") return nothing;
        if (mode == "fixed" && vector <= 15) return nothing;
        if (mode == "init" && level && !assert) return nothing with { Reached = true };
        if (mode is "init" or "sipi" && shorthand is "self" or "all") return nothing;

        int[] meant = [.. Enumerable.Range(0, node.Cores.Length).Where(i => shorthand switch
        {
            "self" => i == sender,
            "all" => true,
            "others" => i != sender,
            _ => destination == uint.MaxValue || (logical ? IsInLogicalGroup(node.Cores[i].ApicId, destination) : node.Cores[i].ApicId == destination),
        })];
        int[] own = [.. meant.Where(i => node.Cores[i].Partition == node.Cores[sender].Partition)];

        Interrupt[] interrupts = mode == "fixed" ? [.. own.Where(i => node.Cores[i].Mode == CoreMode.Running).Select(i => new Interrupt(node.Cores[i].ApicId, vector))] : [];
        int[] changed = mode switch
        {
            // Running, or about to be: before its start a core takes no NMI.
            "nmi" => [.. own.Where(i => (node.Cores[i].Mode == CoreMode.Running && !Asked(node, i, Request.Init)) || Asked(node, i, Request.Sipi) || Asked(node, i, Request.Enter))],
            "init" => [.. own.Where(i => !Asked(node, i, Request.Stop))],
            "sipi" => [.. own.Where(i => (node.Cores[i].Mode == CoreMode.WaitForSipi || Asked(node, i, Request.Init))
                && !Asked(node, i, Request.Sipi) && !Asked(node, i, Request.Enter) && !Asked(node, i, Request.Stop))],
            _ => [],
        };
        (uint, byte)[] after = [.. node.Cores.Select((core, i) => !changed.Contains(i) ? (core.Requests, core.SipiVector) : mode switch
        {
            "nmi" => (core.Requests | Request.Nmi, core.SipiVector),
            // What was sent before an INIT is lost with it.
            "init" => ((core.Requests | Request.Init | Request.Sipi | Request.Nmi) ^ (Request.Sipi | Request.Nmi), core.SipiVector),
            _ => (core.Requests | Request.Sipi, vector),
        })];
        return new IcrSpecification(own.Length != 0, interrupts, changed, after);
    }

    private static bool Asked(TestNode node, int core, uint request) => (node.Cores[core].Requests & request) == request;

    /// <summary>x2APIC: sixteen ids make a cluster, each core one bit of it.</summary>
    private static bool IsInLogicalGroup(uint apicId, uint destination) =>
        destination / 0x1_0000 == apicId / 16 % 0x1_0000 && (destination % 0x1_0000 & (1 << (int)(apicId % 16))) != 0;
}
