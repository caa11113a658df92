using System;
using Osv.Monitor.Policy;

namespace Osv.Model.Explorer;

/// <summary>
/// What of the machine's ports and model-specific registers a running guest reaches without an exit: what is open in the
/// permission maps that its cores are given (monitor/Exits/GuestState.cs). The maps never change, so it is the cores that
/// run at the same time on which ownership depends.
/// </summary>
internal static class Permissions
{
    private const ushort TimerPort = 0x608;
    /// <summary>Between partition 0 and a tenant, and between two tenants: what both reach, or null.</summary>
    private static readonly string? s_withManagement = Shared(Ports(management: true)), s_betweenTenants = Shared(Ports(management: false));

    /// <summary>The first port or register that two of the running partitions own, or null.</summary>
    public static string? Check(in World world, int cores)
    {
        uint running = 0;
        for (int core = 0; core < cores; core++)
            if (world.InGuest(core) && world.Runs[core] != World.None) running |= 1u << world.Runs[core];
        const uint Tenants = 6;
        if ((running & Tenants) == Tenants && s_betweenTenants is not null) return s_betweenTenants;
        return (running & 1) != 0 && (running & Tenants) != 0 ? s_withManagement : null;
    }

    private static byte[] Ports(bool management)
    {
        var map = new byte[0x3000];
        PortPolicy.FillPermissionMap(map, TimerPort, management);
        return map;
    }

    private static string? Shared(byte[] others)
    {
        byte[] tenant = Ports(management: false);
        for (int port = 0; port < 0x1_0000; port++)
        {
            // Everybody may read the timer, and nobody can change it.
            if (port is >= TimerPort and < TimerPort + 4) continue;
            if (IsOpen(tenant, port) && IsOpen(others, port)) return $"port {port:X}h has two owners";
        }
        var registers = new byte[0x2000];
        MsrPolicy.FillPermissionMap(registers);
        for (uint range = 0; range < 3; range++)
        {
            for (uint i = 0; i < 0x2000; i++)
            {
                int bit = (int)((range * 0x2000 + i) * 2);
                uint msr = i + range switch { 0 => 0u, 1 => 0xC000_0000, _ => 0xC001_0000 };
                if ((IsOpen(registers, bit) || IsOpen(registers, bit + 1)) && !BelongsToCore(msr)) return $"MSR {msr:X}h has two owners";
            }
        }
        return null;
    }

    private static bool IsOpen(byte[] map, int bit) => (map[bit >> 3] >> (bit & 7) & 1) == 0;

    /// <summary>Each core, or each VMCB, has its own (APM vol. 2, appendix A): TSC, speculation, system calls, PAT, local APIC, bases.</summary>
    private static bool BelongsToCore(uint msr) => msr is 0x10 or 0x48 or 0x49 or (>= 0x174 and <= 0x176) or 0x277 or (>= 0x800 and <= 0x8FF)
        or (>= 0xC000_0081 and <= 0xC000_0084) or (>= 0xC000_0100 and <= 0xC000_0103);
}
