using Osv.Monitor.Policy;

namespace Osv.Monitor.Hardware;

/// <summary>
/// PCI as a partition sees it: configuration space by mechanism 1 (CF8h/CFCh), always trapped, and the pages of MSI-X tables.
/// The monitor lock is held.
/// </summary>
public static unsafe class GuestPci
{
    private const uint MessageWindow = 0xFEE0_0000;
    /// <summary>An entry of the MSI-X table: address, its high half, data, control, 4 bytes each.</summary>
    private const uint EntryBytes = 16, Masked = 1;

    public static uint Read(int partition, ushort port, int bytes)
    {
        if (port == 0xCF8) return bytes == 4 && IsThere(partition) ? Node.Partitions[partition].ConfigAddress : 0xFFFF_FFFF;
        if (port < 0xCFC) return 0xFFFF_FFFF;
        ConfigTarget target = DevicePolicy.Locate(Node.Machine, partition, out int index, out int offset);
        uint value = target switch
        {
            ConfigTarget.HostBridge => offset switch { 0 => 0x5600_4F53, 8 => 0x0600_0000, _ => 0 },
            ConfigTarget.Control => ControlFunction.Read(offset),
            ConfigTarget.Function => Node.Functions[index].Show(offset, PciConfig.Read(Node.Functions[index].Address, offset)),
            _ => 0xFFFF_FFFF,
        };
        // Beyond port CFFh there is nothing: ones.
        return ~(~value >> ((port & 3) * 8));
    }

    /// <summary>A tenant without functions has no PCI, not even its address register.</summary>
    private static bool IsThere(int partition)
    {
        if (partition == Machine.Management) return true;
        for (int i = 0; i < Node.FunctionCount; i++)
            if (Node.Functions[i].Partition == partition) return true;
        return false;
    }

    public static void Write(int partition, ushort port, int bytes, uint value)
    {
        if (port == 0xCF8 && bytes == 4) Node.Partitions[partition].ConfigAddress = value & 0x8FFF_FFFC;
        if (port < 0xCFC) return;
        ConfigTarget target = DevicePolicy.Locate(Node.Machine, partition, out int index, out int offset);
        if (target == ConfigTarget.Control && bytes == 4) ControlFunction.Write(offset, value);
        if (target != ConfigTarget.Function) return;
        PciFunction* function = Node.Functions + index;
        offset += port & 3;
        switch (function->Write(offset, ref bytes, ref value))
        {
            case ConfigWrite.Real:
                PciConfig.Write(function->Address, offset, bytes, value);
                break;
            case ConfigWrite.Message:
                SetMessage(index, 0, function->MessageAddress, function->MessageData);
                PciConfig.Write(function->Address, function->Msi + 4, 4, MessageWindow);
                if (function->MsiIsWide) PciConfig.Write(function->Address, function->Msi + 8, 4, 0);
                PciConfig.Write(function->Address, function->Msi + (function->MsiIsWide ? 12 : 8), 2, 0);
                if (offset == function->Msi + 2) PciConfig.Write(function->Address, offset, 2, value);
                break;
        }
    }

    /// <summary>The real message names an interrupt of the function by number; this says what becomes of it.</summary>
    private static void SetMessage(int index, uint interrupt, ulong address, uint data)
    {
        DevicePolicy.Remap(Node.Machine, Node.Functions[index].Partition, address, data, out ulong low, out ulong high);
        Iommu.Remap(index, Node.Functions[index].Requester, interrupt, low, high);
    }

    /// <summary>The function of the partition whose MSI-X table's pages have this guest address, or -1.</summary>
    public static int FindTable(int partition, ulong guest)
    {
        for (int i = 0; i < Node.FunctionCount; i++)
            if (Node.Functions[i].Partition == partition && guest >= Node.Functions[i].TableGuest && guest - Node.Functions[i].TableGuest < Node.Functions[i].TableBytes) return i;
        return -1;
    }

    /// <summary>What lies beside the table in its pages is the function's, read and written as it is.</summary>
    public static uint ReadTable(int index, ulong guest) => InTable(index, guest, out uint at)
        ? Node.MessagesOf(index)[at / 4]
        : Cpu.Load32(Register(index, guest));

    public static void WriteTable(int index, ulong guest, uint value)
    {
        if (!InTable(index, guest, out uint at))
        {
            Cpu.Store32(Register(index, guest), value);
            return;
        }
        uint interrupt = at / EntryBytes;
        uint* message = Node.MessagesOf(index) + interrupt * 4;
        message[at / 4 % 4] = value;
        uint* entry = Register(index, guest - at % EntryBytes);
        Cpu.Store32(entry + 3, Masked);
        SetMessage(index, interrupt, message[0] | (ulong)message[1] << 32, message[2]);
        Cpu.Store32(entry, MessageWindow);
        Cpu.Store32(entry + 1, 0);
        Cpu.Store32(entry + 2, interrupt);
        Cpu.Store32(entry + 3, message[3] & Masked);
    }

    private static bool InTable(int index, ulong guest, out uint at)
    {
        PciFunction* function = Node.Functions + index;
        at = unchecked((uint)(guest - function->TableGuest) - function->TableStart);
        return at < function->TableEntries * EntryBytes;
    }

    private static uint* Register(int index, ulong guest) => (uint*)(Node.Functions[index].TableHost + (guest - Node.Functions[index].TableGuest & ~3UL));
}
