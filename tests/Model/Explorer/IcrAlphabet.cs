using System.Collections.Generic;

namespace Osv.Model.Explorer;

/// <summary>
/// What guests write to the ICR: every delivery mode, both destination modes, every shorthand; each core by its id, an id
/// that nobody has, broadcast, whole logical clusters. Closed under exchanging cores, which symmetry reduction needs.
/// The unit suite compares the filter with a specification over far more values; here it is the interleaving that counts.
/// </summary>
internal static class IcrAlphabet
{
    private const ulong LogicalMode = 1 << 11, LevelTriggered = 1 << 15;

    public static readonly ulong[] Values = [.. Make()];

    private static IEnumerable<ulong> Make()
    {
        const ulong Fixed = 0, Nmi = 4, Init = 5, Sipi = 6;
        ulong[] modes = [Fixed, Nmi, Init, Sipi];
        ulong ownCluster = (ulong)(World.FirstApicId >> 4) << 16;
        foreach (ulong mode in modes)
        {
            ulong low = (mode << 8) | ModelHardware<int>.Vector;
            for (ulong core = 0; core < World.Cores; core++) yield return ((World.FirstApicId + core) << 32) | low;
            yield return (0x99UL << 32) | low;
            yield return (0xFFFF_FFFFUL << 32) | low;
            yield return ((ownCluster | 15) << 32) | LogicalMode | low;
            yield return (15UL << 32) | LogicalMode | low;
            yield return (0xFFFF_FFFFUL << 32) | LogicalMode | low;
            for (ulong shorthand = 1; shorthand <= 3; shorthand++) yield return (shorthand << 18) | low;
        }
        // Lowest priority, SMI, reserved, ExtINT: to everybody, and to all but self.
        foreach (ulong mode in (ulong[])[1, 2, 3, 7])
        {
            yield return (0xFFFF_FFFFUL << 32) | (mode << 8) | ModelHardware<int>.Vector;
            yield return (3UL << 18) | (mode << 8) | ModelHardware<int>.Vector;
        }
        // INIT level de-assert, and a fixed interrupt with a vector that does not exist.
        yield return (0xFFFF_FFFFUL << 32) | LevelTriggered | (Init << 8);
        yield return (0xFFFF_FFFFUL << 32) | 5;
    }
}
