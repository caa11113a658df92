using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Startup;

/// <summary>
/// The PCI functions of the node that can have an owner, found once at start (docs/adr/0004, 0013). Each one's memory has a
/// guest address of our choice, the same for every owner, so that neither its place on the host nor Linux's resource code matters.
/// </summary>
public static unsafe class Functions
{
    private const ulong WindowStart = 0xC000_0000, WindowEnd = 0xE000_0000;
    private const uint MemorySpace = 2, MultiFunction = 0x80_0000, IsBridge = 1, MsiIsWide = 0x80_0000, MsiHasMasks = 0x100_0000, SelfResetCapable = 1 << 28;
    private const uint MassStorage = 1, Network = 2, Display = 3, SerialBus = 12, Vga = 0x300;
    /// <summary>Device control without error messages to the platform, requests under the ids of others (phantom functions), or a reset.</summary>
    private const uint QuietDevice = 0x7DF0;
    private const uint MsiCapability = 5, MsiXCapability = 17, ExpressCapability = 16, ToConventional = 7, RootPort = 4, UpstreamPort = 5, DownstreamPort = 6;
    /// <summary>Groups: functions of one slot, and what is below the bridges of one slot of a root bus.</summary>
    private const ushort BelowBridges = 0x8000;
    private static BootParameters s_boot;
    private static ulong s_next;
    /// <summary>
    /// For each bus, 0 where there is none: the bridge right above it; who asks for what is below; the group of the slot of a root bus that
    /// leads to it. Whether bridges are on it, and one above it lacks access control.
    /// </summary>
    private static ushort* s_bridge, s_alias, s_root;
    private static bool* s_hasBridges, s_open;

    /// <summary>Looks at every function. None that can move data by itself goes on doing so: firmware no longer needs it.</summary>
    public static void Discover(BootParameters boot)
    {
        s_boot = boot;
        ushort* buses = stackalloc ushort[1024];
        s_bridge = buses;
        s_alias = buses + 256;
        s_root = buses + 512;
        s_hasBridges = (bool*)(buses + 768);
        s_open = s_hasBridges + 256;
        Cpu.Clear(buses, 2048);
        s_next = WindowStart;
        ForEach(adopt: false);
        ForEach(adopt: true);
    }

    private static void ForEach(bool adopt)
    {
        for (uint slot = 0; slot < 256 * 32; slot++)
        {
            ushort first = (ushort)(slot << 3);
            if (IsAbsent(first)) continue;
            int count = (PciConfig.Read(first, 0xC) & MultiFunction) != 0 ? 8 : 1;
            for (int i = 0; i < count; i++)
            {
                ushort address = (ushort)(first + i);
                if (IsAbsent(address)) continue;
                uint header = PciConfig.Read(address, 0xC) >> 16 & 0x7F;
                if (header == IsBridge && !adopt) NoteBridge(address);
                if (header == 0 && adopt) Look(address);
            }
        }
    }

    private static bool IsAbsent(ushort function) => (PciConfig.Read(function, 0) & 0xFFFF) == 0xFFFF;

    /// <summary>Buses below a bridge have higher numbers, so the one nearest to the root comes first and the one right above last.</summary>
    private static void NoteBridge(ushort address)
    {
        uint buses = PciConfig.Read(address, 0x18);
        uint secondary = buses >> 8 & 0xFF, last = buses >> 16 & 0xFF;
        s_hasBridges[address >> 8] = true;
        if (secondary == 0) return;
        s_bridge[secondary] = address;
        int express = PciConfig.FindCapability(address, ExpressCapability, 4);
        uint port = express == 0 ? ToConventional : PciConfig.Read(address, express) >> 20 & 15;
        ushort alias = express == 0 ? address : port == ToConventional ? (ushort)(secondary << 8) : (ushort)0;
        bool parts = (port == UpstreamPort && (PciConfig.Read((ushort)(address & ~7), 0xC) & MultiFunction) == 0) || (port is RootPort or DownstreamPort && TurnOnAccessControl(address));
        for (uint bus = secondary; bus <= last; bus++)
        {
            if (s_root[bus] == 0) s_root[bus] = (ushort)(address >> 3 | BelowBridges);
            s_open[bus] |= !parts;
            if (s_alias[bus] == 0) s_alias[bus] = alias;
        }
    }

    /// <summary>
    /// What comes from below a port goes up to the IOMMU, whatever address or id it names (PCI Express 5.0, 6.12). False: the port cannot
    /// see to that.
    /// </summary>
    private static bool TurnOnAccessControl(ushort port)
    {
        // Source validation, translation blocking, redirection of requests and of completions, upstream forwarding.
        const uint Capability = 13, Wanted = 0x1F, Needed = 0x1D;
        uint* found = PciConfig.FindExtended(port, Capability);
        if (found == null) return false;
        Cpu.Store32(found + 1, Cpu.Load32(found + 1) << 16 & Wanted << 16);
        return (Cpu.Load32(found + 1) >> 16 & Needed) == Needed;
    }

    private static void Look(ushort address)
    {
        uint classes = PciConfig.Read(address, 8), kind = classes >> 24;
        if (kind is not (MassStorage or Network or Display or SerialBus)) return;
        PciFunction spare = default;
        PciFunction* function = Node.FunctionCount < ControlLayout.MaxFunctions ? Node.Functions + Node.FunctionCount : &spare;
        *function = default;
        function->Address = address;
        function->Alias = s_alias[address >> 8];
        FindCapabilities(function);
        FunctionReset.Silence(function);
        if (function == &spare) return;
        Cpu.Clear(Node.DeviceMemory + Node.FunctionCount * PciFunction.BaseAddresses, (ulong)sizeof(MemoryExtent) * PciFunction.BaseAddresses);
        int bus = address >> 8;
        // Control acts where a request enters a switch, so one open port opens all; behind a port all functions are one device's.
        bool open = false;
        for (int i = 0; i < 256; i++) open |= s_open[i] && s_root[i] == s_root[bus];
        function->Group = open ? s_root[bus] : s_bridge[bus] != 0 ? (ushort)(bus << 5) : (ushort)(address >> 3);
        function->Partition = Machine.Nobody;
        function->IsRemapped = Iommu.IsOn;
        function->Bridge = function->CanResetItself || s_hasBridges[bus] ? (ushort)0 : s_bridge[bus];
        // What shows VGA is the console of whoever looks after the machine. Below an open port a function can ask by any name, but for
        // what a bridge to conventional PCI names.
        function->IsAssignable = Iommu.IsOn && (function->CanResetItself || function->Bridge != 0) && classes >> 16 != Vga && (!open || function->Alias != 0);
        for (int i = 0; i < PciFunction.BaseAddresses; i++) function->RealBase[i] = PciConfig.Read(address, PciFunction.FirstBaseAddress + i * 4);
        for (int i = 0; i < PciFunction.BaseAddresses; i++)
        {
            uint low = function->RealBase[i];
            bool wide = (low & 7) == 4;
            if (low != 0 && (low & 1) == 0 && (!wide || i + 1 < PciFunction.BaseAddresses)) ShowMemory(function, i, wide);
            if (wide) i++;
        }
        // There is one table of interrupts for all that ask by one name.
        for (int i = 0; i < Node.FunctionCount; i++)
            if (Node.Functions[i].Requester == function->Requester) Node.Functions[i].IsAssignable = function->IsAssignable = false;
        if (OpenCapabilities(function)) Node.FunctionCount++;
    }

    private static void FindCapabilities(PciFunction* function)
    {
        function->Msi = (byte)PciConfig.FindCapability(function->Address, MsiCapability, 24);
        function->MsiX = (byte)PciConfig.FindCapability(function->Address, MsiXCapability, 12);
        function->Express = (byte)PciConfig.FindCapability(function->Address, ExpressCapability, 12);
        if (function->Express == 0) return;
        function->CanResetItself = (PciConfig.Read(function->Address, function->Express + 4) & SelfResetCapable) != 0;
        function->DeviceControl = PciConfig.Read(function->Address, function->Express + 8) & QuietDevice;
        PciConfig.Write(function->Address, function->Express + 8, 2, function->DeviceControl);
    }

    /// <summary>
    /// Gives device memory a place in the guest. What is smaller than a page, has no address or one that its
    /// size does not allow, or finds no room is not shown:
    /// a page of it would hold registers of somebody else.
    /// </summary>
    private static void ShowMemory(PciFunction* function, int index, bool wide)
    {
        uint low = function->RealBase[index];
        ulong host = Host(function, index);
        uint probe = Probe(function->Address, index, low);
        ulong bytes = (~(probe & ~15u) & 0xFFFF_FFFF) + 1UL;
        if ((probe & ~15u) == 0 || bytes < 4096 || (bytes & (bytes - 1)) != 0 || (host & (bytes - 1)) != 0 || !IsFree(host, bytes)) return;
        ulong guest = (s_next + bytes - 1) & ~(bytes - 1);
        if (guest + bytes > WindowEnd) return;
        s_next = guest + bytes;
        Node.DeviceMemory[Node.FunctionCount * PciFunction.BaseAddresses + index] = new MemoryExtent { GuestAddress = guest, HostAddress = host, Bytes = bytes };
        function->ShowBase(index, (uint)guest | (low & 15), probe);
        if (wide) function->ShowBase(index + 1, 0, 0xFFFF_FFFF);
    }

    /// <summary>
    /// Registers whoever says so may have there: a device is not believed that names RAM, what all share at the end of the first
    /// 4 GiB (interrupt controllers, AMD-Vi, flash), or what a function before it was shown.
    /// </summary>
    private static bool IsFree(ulong host, ulong bytes)
    {
        const ulong Shared = 0xFEC0_0000, SharedEnd = 1UL << 32, Limit = 1UL << 52, Low = 1UL << 20;
        if (host < Low || host >= Limit || (host < SharedEnd && host + bytes > Shared)) return false;
        bool free = !Overlaps(Firmware.ExtendedConfig, (Firmware.LastExtendedBus + 1UL) << 20) && !Iommu.HasRegisters(host, bytes);
        for (int i = 0; i < s_boot.RangeCount; i++) free &= !s_boot.RangeIsRam(i) || !Overlaps(s_boot.RangeStart(i), s_boot.RangeBytes(i));
        for (int i = 0; i < (Node.FunctionCount + 1) * PciFunction.BaseAddresses; i++) free &= !Overlaps(Node.DeviceMemory[i].HostAddress, Node.DeviceMemory[i].Bytes);
        return free;

        bool Overlaps(ulong start, ulong length) => start < host + bytes && (host < start || host - start < length);
    }

    private static ulong Host(PciFunction* function, int index)
    {
        uint low = function->RealBase[index];
        return (low & ~15u) | ((low & 7) == 4 ? (ulong)function->RealBase[index + 1] << 32 : 0);
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

    /// <summary>
    /// Where interrupts are not remapped the capabilities are the owner's; else the pages of the MSI-X table are kept from it. False: the
    /// monitor itself cannot reach these.
    /// </summary>
    private static bool OpenCapabilities(PciFunction* function)
    {
        if (function->Msi != 0)
        {
            uint header = PciConfig.Read(function->Address, function->Msi);
            function->MsiIsWide = (header & MsiIsWide) != 0;
            int masks = function->Msi + (function->MsiIsWide ? 16 : 12);
            if (!function->IsRemapped) function->OpenCapability(function->Msi, masks - function->Msi);
            if ((header & MsiHasMasks) != 0) function->OpenCapability(masks, 8);
        }
        if (function->MsiX == 0) return true;
        if (!function->IsRemapped)
        {
            function->OpenCapability(function->MsiX, 4);
            return true;
        }
        uint table = PciConfig.Read(function->Address, function->MsiX + 4), entries = (PciConfig.Read(function->Address, function->MsiX) >> 16 & 0x7FF) + 1;
        if ((table & 7) >= PciFunction.BaseAddresses) return true;
        MemoryExtent memory = Node.DeviceMemory[Node.FunctionCount * PciFunction.BaseAddresses + (int)(table & 7)];
        uint offset = table & ~7u;
        function->TableStart = offset & 0xFFF;
        function->TableBytes = (function->TableStart + entries * 16 + 0xFFF) & ~0xFFFu;
        function->TableEntries = entries < Iommu.Interrupts ? entries : Iommu.Interrupts;
        function->TableGuest = memory.GuestAddress + (offset & ~0xFFFu);
        function->TableHost = memory.HostAddress + (offset & ~0xFFFu);
        if (offset + entries * 16UL > memory.Bytes) function->TableBytes = 0;
        return HostPageTable.Reach(function->TableHost, function->TableBytes);
    }
}
