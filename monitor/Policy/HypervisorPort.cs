namespace Osv.Monitor.Policy;

/// <summary>
/// The port at which a kernel that saw VMware's signature asks its hypervisor: IN of 32 bits with a magic number in EAX and a
/// command in CX (arch/x86/kernel/cpu/vmware.c of Linux). It gets what saves it from measuring, and nothing else.
/// </summary>
public static class HypervisorPort
{
    public const ushort Number = 0x5658;
    private const uint Magic = 0x564D_5868;
    /// <summary>TSC frequency in EBX:EAX, Hz; that of the APIC timer in ECX, 0: measure it.</summary>
    private const uint GetHertz = 45;
    private const uint GetProcessorInfo = 68;
    private const uint X2ApicWithoutRemapping = 1 << 3, Unknown = 0xFFFF_FFFF;

    /// <summary>False when this is not a question but a port where nothing is.</summary>
    public static bool Answer(ushort port, int bytes, ulong tscKilohertz, ref ulong rax, ref ulong rbx, ref ulong rcx)
    {
        if (port != Number || bytes != 4 || (rax & 0xFFFF_FFFF) != Magic) return false;
        switch (rcx & 0xFFFF)
        {
            case GetHertz:
                ulong hertz = unchecked(tscKilohertz * 1000);
                rax = hertz & 0xFFFF_FFFF;
                rbx = hertz >> 32;
                rcx = 0;
                break;
            case GetProcessorInfo:
                rax = X2ApicWithoutRemapping;
                break;
            default:
                rax = Unknown;
                break;
        }
        return true;
    }
}
