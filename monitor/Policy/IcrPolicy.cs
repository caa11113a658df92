using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Policy;

/// <summary>
/// The one intercept of the run phase: a write to the x2APIC interrupt command register (MSR 830h; APM vol. 2, 16.13).
/// A destination is never passed on: it is matched against the partition's own cores, one explicit send for each.
/// </summary>
public static class IcrPolicy
{
    private const uint Logical = 1 << 11, LevelAssert = 1 << 14, LevelTriggered = 1 << 15;
    private const uint Broadcast = 0xFFFF_FFFF;
    private const uint ShorthandNone = 0, ShorthandSelf = 1, ShorthandAll = 2;

    /// <summary>Delivery modes, bits 10:8.</summary>
    private const uint Fixed = 0, Nmi = 4, Init = 5, Sipi = 6;

    /// <summary>A fixed interrupt to one core by its physical id, nothing else set: what Linux sends nearly always.</summary>
    public static bool IsPlainFixed(ulong value) => (value & 0xC_8F00) == 0 && (value & 0xF0) != 0 && value >> 32 != Broadcast;

    /// <summary>A fixed interrupt may go to a core of the same partition that is in the guest.</summary>
    public static bool MayReach(in Core sender, in Core target) => target.Partition == sender.Partition && target.Mode == CoreMode.Running;

    /// <summary>Carries the write out. False when it was dropped, wholly and on purpose.</summary>
    public static bool Write<THardware>(Machine machine, int sender, ulong value)
        where THardware : struct, IHardware
    {
        uint low = (uint)(value & 0xFFFF_FFFF);
        uint mode = (low >> 8) & 7;
        byte vector = (byte)(low & 0xFF);
        if (mode is not (Fixed or Nmi or Init or Sipi)) return false;
        if (mode == Fixed && vector < 16) return false;
        // INIT level de-assert does nothing since the Pentium 4 (APM vol. 2, 16.5).
        if (mode == Init && (low & LevelTriggered) != 0 && (low & LevelAssert) == 0) return true;
        uint shorthand = (low >> 18) & 3;
        if (mode is Init or Sipi && shorthand is ShorthandSelf or ShorthandAll) return false;

        ushort partition = machine.Cores[sender].Partition;
        bool reached = false;
        for (int i = 0; i < machine.Cores.Length; i++)
        {
            ref Core target = ref machine.Cores[i];
            if (target.Partition != partition || !IsTarget(shorthand, low, (uint)(value >> 32), target.ApicId, i == sender)) continue;
            reached = true;
            switch (mode)
            {
                case Fixed:
                    if (target.Mode == CoreMode.Running) THardware.SendInterrupt(target.ApicId, vector);
                    break;
                case Nmi:
                    // A core that waits for its start has nobody to take it.
                    if (!WillRun(in target)) break;
                    target.Requests |= Request.Nmi;
                    THardware.Kick(i);
                    break;
                case Init:
                    if ((target.Requests & Request.Stop) != 0) break;
                    target.Requests = (target.Requests & ~(Request.Sipi | Request.Nmi)) | Request.Init;
                    THardware.Kick(i);
                    break;
                default:
                    bool waits = target.Mode == CoreMode.WaitForSipi || (target.Requests & Request.Init) != 0;
                    if (!waits || (target.Requests & (Request.Sipi | Request.Enter | Request.Stop)) != 0) break;
                    target.SipiVector = vector;
                    target.Requests |= Request.Sipi;
                    THardware.Kick(i);
                    break;
            }
        }
        return reached;
    }

    private static bool WillRun(in Core target) =>
        (target.Mode == CoreMode.Running && (target.Requests & Request.Init) == 0) || (target.Requests & (Request.Sipi | Request.Enter)) != 0;

    private static bool IsTarget(uint shorthand, uint low, uint destination, uint apicId, bool isSelf) => shorthand switch
    {
        ShorthandNone when destination == Broadcast => true,
        ShorthandNone when (low & Logical) == 0 => destination == apicId,
        // x2APIC logical id: cluster = id[19:4] in the high half, bit id[3:0] in the low half (APM vol. 2, 16.14).
        ShorthandNone => destination >> 16 == ((apicId >> 4) & 0xFFFF) && ((destination >> (int)(apicId & 15)) & 1) != 0,
        ShorthandSelf => isSelf,
        ShorthandAll => true,
        _ => !isSelf,
    };
}
