using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Hardware;

/// <summary>
/// The network functions of the node, which partition 0 owns (docs/adr/0004). Found once at start; their memory appears
/// at guest addresses of our choice, so that neither its place on the host nor Linux's resource code matters.
/// </summary>
public static unsafe class PassedFunctions
{
    public const int MaxFunctions = 8, MaxMemory = 24;
    private const uint WindowStart = 0xC000_0000, WindowEnd = 0xE000_0000;
    private const uint MemorySpace = 2, BusMaster = 4, NoInterruptPin = 0x400, CapabilityList = 0x10_0000;
    private const uint MassStorage = 1, Network = 2, Display = 3, SerialBus = 12;
    private const uint MsiCapability = 5, MsiXCapability = 17, MsiEnable = 1, MsiXEnable = 0x8000;

    public static int Count;
    public static PciFunction* Functions;
    public static int MemoryCount;
    /// <summary>Device memory that partition 0 sees, to the byte.</summary>
    public static MemoryExtent* Memory;
    private static uint s_next;

    /// <summary>Looks at every function. None that can move data by itself goes on doing so: firmware no longer needs it.</summary>
    public static void Discover()
    {
        s_next = WindowStart;
        for (uint slot = 0; slot < 256 * 32; slot++)
        {
            ushort first = (ushort)(slot << 3);
            if (IsAbsent(first)) continue;
            int functions = (PciConfig.Read(first, 0xC) & 0x80_0000) != 0 ? 8 : 1;
            for (int i = 0; i < functions; i++) Look((ushort)(first + i));
        }
    }

    private static bool IsAbsent(ushort function) => (PciConfig.Read(function, 0) & 0xFFFF) == 0xFFFF;

    private static void Look(ushort address)
    {
        if (IsAbsent(address) || (PciConfig.Read(address, 0xC) >> 16 & 0x7F) != 0) return;
        uint baseClass = PciConfig.Read(address, 8) >> 24;
        if (baseClass is not (MassStorage or Network or Display or SerialBus)) return;
        Silence(address);
        if (baseClass == Network && Count < MaxFunctions) Adopt(address);
    }

    private static void Silence(ushort address)
    {
        uint command = PciConfig.Read(address, PciFunction.Command);
        PciConfig.Write(address, PciFunction.Command, 2, (command & ~BusMaster & 0xFFFF) | NoInterruptPin);
    }

    private static void Adopt(ushort address)
    {
        PciFunction* function = Functions + Count;
        function->Address = address;
        for (int i = 0; i < PciFunction.BaseAddresses; i++)
        {
            uint low = BaseAddress(address, i);
            bool wide = (low & 7) == 4;
            if (low != 0 && (low & 1) == 0 && (!wide || i + 1 < PciFunction.BaseAddresses)) ShowMemory(function, i, wide);
            if (wide) i++;
        }
        if ((PciConfig.Read(address, PciFunction.Command) & CapabilityList) != 0) OpenInterrupts(function);
        Count++;
    }

    private static uint BaseAddress(ushort address, int index) => PciConfig.Read(address, PciFunction.FirstBaseAddress + index * 4);

    /// <summary>
    /// Gives device memory a place in the guest. What is smaller than a page, has no address or one that its size does not allow, or finds no room is not shown:
    /// a page of it would hold registers of somebody else.
    /// </summary>
    private static void ShowMemory(PciFunction* function, int index, bool wide)
    {
        ushort address = function->Address;
        uint low = BaseAddress(address, index);
        ulong host = (low & ~15u) | (wide ? (ulong)BaseAddress(address, index + 1) << 32 : 0);
        uint probe = Probe(address, index, low);
        ulong bytes = (~(probe & ~15u) & 0xFFFF_FFFF) + 1UL;
        if (host == 0 || (probe & ~15u) == 0 || bytes < 4096 || (bytes & (bytes - 1)) != 0 || (host & (bytes - 1)) != 0 || MemoryCount == MaxMemory) return;
        ulong guest = (s_next + bytes - 1) & ~(bytes - 1);
        if (guest + bytes > WindowEnd) return;
        s_next = (uint)(guest + bytes);
        Memory[MemoryCount++] = new MemoryExtent { GuestAddress = guest, HostAddress = host, Bytes = bytes };
        function->ShowBase(index, (uint)guest | (low & 15), probe);
        if (wide) function->ShowBase(index + 1, 0, 0xFFFF_FFFF);
    }

    /// <summary>What the register reads after all ones; the function does not decode memory meanwhile.</summary>
    private static uint Probe(ushort address, int index, uint original)
    {
        int offset = PciFunction.FirstBaseAddress + index * 4;
        uint command = PciConfig.Read(address, PciFunction.Command) & 0xFFFF;
        PciConfig.Write(address, PciFunction.Command, 2, command & ~MemorySpace);
        PciConfig.Write(address, offset, 4, 0xFFFF_FFFF);
        uint probe = PciConfig.Read(address, offset);
        PciConfig.Write(address, offset, 4, original);
        PciConfig.Write(address, PciFunction.Command, 2, command);
        return probe;
    }

    /// <summary>Follows the capability list, at most as often as there is room for capabilities.</summary>
    private static void OpenInterrupts(PciFunction* function)
    {
        int at = (int)(PciConfig.Read(function->Address, 0x34) & 0xFC);
        for (int i = 0; i < 48 && at >= 0x40; i++)
        {
            uint header = PciConfig.Read(function->Address, at);
            if ((header & 0xFF) == MsiCapability)
            {
                bool wide = (header >> 23 & 1) != 0, masks = (header >> 24 & 1) != 0;
                function->Msi = (byte)(at + 2);
                function->OpenCapability(at, 12 + (wide ? 4 : 0) + (masks ? 8 : 0));
            }
            else if ((header & 0xFF) == MsiXCapability)
            {
                function->MsiX = (byte)(at + 2);
                function->OpenCapability(at, 4);
            }
            at = (int)(header >> 8 & 0xFC);
        }
    }

    /// <summary>The double word at <paramref name="offset"/>, as partition 0 is to see it.</summary>
    public static uint Read(int index, int offset) => Functions[index].Show(offset, PciConfig.Read(Functions[index].Address, offset));

    public static void Write(int index, int offset, int bytes, uint value)
    {
        if (Functions[index].Write(offset, ref bytes, ref value)) PciConfig.Write(Functions[index].Address, offset, bytes, value);
    }

    /// <summary>Partition 0 is gone: nothing may write into its memory, nor interrupt its cores. The monitor lock is held.</summary>
    public static void Quiesce()
    {
        for (int i = 0; i < Count; i++)
        {
            ushort address = Functions[i].Address;
            Silence(address);
            if (Functions[i].Msi != 0) ClearControl(address, Functions[i].Msi, MsiEnable);
            if (Functions[i].MsiX != 0) ClearControl(address, Functions[i].MsiX, MsiXEnable);
        }
    }

    /// <summary>The read that follows also waits for writes of the device that were still on their way.</summary>
    private static void ClearControl(ushort address, byte offset, uint bits)
    {
        uint control = PciConfig.Read(address, offset & ~3) >> 16;
        PciConfig.Write(address, offset, 2, control & ~bits);
        PciConfig.Read(address, offset & ~3);
    }
}
