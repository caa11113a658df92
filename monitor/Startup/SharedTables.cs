using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Startup;

/// <summary>What partition 0 reads: header, cores, memory, partitions, from the monitor's own copy.</summary>
public static unsafe class SharedTables
{
    public static ulong TscKilohertz;

    public static void Write()
    {
        ControlHeader* header = Node.Header;
        header->Magic = ControlLayout.Magic;
        header->AbiVersion = ControlLayout.AbiVersion;
        header->CoreCount = (uint)Node.CoreCount;
        header->MemoryCount = (uint)Node.MemoryCount;
        header->TscKilohertz = TscKilohertz;
        header->TrustedBytes = Symbols.ImageEnd - Symbols.ImageStart;
        header->TimerPort = Firmware.TimerPort;
        header->TimerIs32Bit = (ushort)(Firmware.TimerIs32Bit ? 1 : 0);
        header->HasIommu = Iommu.IsOn ? 1u : 0;
        header->FunctionCount = (uint)Node.FunctionCount;
        for (int i = 0; i < Node.FunctionCount; i++) WriteFunction(Node.SharedFunction(i), Node.Functions + i);
        MemoryEntry* memory = (MemoryEntry*)(Node.Shared + ControlLayout.MemoryTableOffset);
        uint cells = 0;
        for (int i = 0; i < Node.MemoryCount; i++)
        {
            memory[i] = Node.Memory[i];
            if (Node.Memory[i].Cell >= cells) cells = unchecked(Node.Memory[i].Cell + 1);
        }
        header->CellCount = cells;
        for (int i = 0; i < Node.CoreCount; i++)
        {
            CoreEntry* core = Node.SharedCore(i);
            core->ApicId = Node.Cores[i].ApicId;
            core->PhysicalCore = Node.Cores[i].PhysicalCore;
            core->Partition = Node.Cores[i].Partition;
            core->Cell = Firmware.CellOfCore(Node.Cores[i].ApicId);
        }
        for (int i = 0; i < ControlLayout.MaxPartitions; i++) RingZero.Publish(i);
    }

    private static void WriteFunction(FunctionEntry* to, PciFunction* function)
    {
        uint id = PciConfig.Read(function->Address, 0);
        to->Address = function->Address;
        to->Group = function->Group;
        to->Vendor = (ushort)(id & 0xFFFF);
        to->Device = (ushort)(id >> 16);
        to->Class = PciConfig.Read(function->Address, 8) >> 8;
    }
}
