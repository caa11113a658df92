using Osv.Monitor.Hardware;

namespace Osv.Monitor.Startup;

/// <summary>
/// Mitigations that are bits of registers which no guest may write, because they hold for the whole core: the monitor sets
/// them. What guests choose for themselves (SPEC_CTRL, PRED_CMD) is open to them.
/// </summary>
public static unsafe class Mitigations
{
    private const uint DecodeConfiguration = 0xC001_1029;
    /// <summary>DE_CFG[1]: LFENCE is serializing. DE_CFG[9]: no vector register speculation (AMD-SB-7008, Zen 2).</summary>
    private const ulong SerializingLfence = 1 << 1, NoZenbleed = 1 << 9;

    /// <summary>Every core for itself. Families before 17h have not got all that the monitor needs; under a hypervisor it is that one's task.</summary>
    public static void Apply(uint* registers)
    {
        Cpu.Cpuid(1, 0, registers);
        uint family = ((registers[0] >> 8) & 0xF) + ((registers[0] >> 20) & 0xFF);
        uint model = ((registers[0] >> 4) & 0xF) | ((registers[0] >> 12) & 0xF0);
        if (family < 0x17 || registers[2] >> 31 != 0) return;
        bool zen2 = family == 0x17 && model is (>= 0x30 and < 0x50) or > 0x5F;
        Cpu.WriteMsr(DecodeConfiguration, Cpu.ReadMsr(DecodeConfiguration) | SerializingLfence | (zen2 ? NoZenbleed : 0));
    }
}
