using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Hardware;

/// <summary>One IOMMU: its registers, and where in its two rings it is.</summary>
public unsafe struct IommuUnit
{
    public byte* Registers;
    public ulong* Commands;
    public ulong* Events;
    public uint CommandTail;
    public uint EventHead;
}

/// <summary>
/// AMD-Vi (AMD I/O Virtualization Technology specification 3.10). All units share one device table, in which every function
/// is denied all memory and all interrupts unless it is attached to its partition. Its I/O page table is the partition's nested
/// one, its interrupt remapping table a page of its own. The monitor lock is held around all of this.
/// </summary>
public static unsafe class Iommu
{
    public const int MaxUnits = 32;
    /// <summary>Entries of a function's interrupt remapping table: a page.</summary>
    public const uint Interrupts = 256;
    private const ulong DeviceTableBytes = 65_536 * 32, RegisterBytes = 0x4000;
    /// <summary>Memory for the device table, interrupt tables, two rings for each unit, where completion is told, and the units.</summary>
    public const ulong Bytes = DeviceTableBytes + (ControlLayout.MaxFunctions + 2 * MaxUnits + 2) * 4096;

    private const uint DeviceTableBase = 0, CommandBase = 8, EventBase = 0x10, Control = 0x18, ExclusionBase = 0x20, ExclusionLimit = 0x28, Features = 0x30;
    private const uint CommandHead = 0x2000, CommandTail = 0x2008, EventHead = 0x2010, EventTail = 0x2018, Status = 0x2020;
    /// <summary>x2APIC interrupts (XTSup), invalidation of all (IASup), wide remapping entries (GASup).</summary>
    private const ulong Needed = 1 << 2 | 1 << 6 | 1 << 7;
    private const ulong Enabled = 1, LogEvents = 1 << 2, InterruptOnEvent = 1 << 3, Coherent = 1 << 10, RunCommands = 1 << 12, UseWideEntries = 1 << 17, UseWideIds = 1UL << 50;
    private const ulong On = Enabled | LogEvents | InterruptOnEvent | Coherent | RunCommands | UseWideEntries | UseWideIds;
    private const ulong Overflow = 1, AllInterrupts = 7, Runs = 0x18;
    /// <summary>Both rings have 256 entries of 16 bytes: a page.</summary>
    private const ulong RingLength = 8UL << 56;
    private const uint RingMask = 0xFFF, RingEntries = 256;
    /// <summary>Ticks of the time-stamp counter: ten seconds and more, where a command takes microseconds.</summary>
    private const ulong LongestWait = 1UL << 36;

    /// <summary>Of an entry of the device table: valid, with no right to read or write; interrupts remapped by no table, without events of that (IG).</summary>
    private const ulong DenyMemory = 3, DenyInterrupts = 1 | 1 << 5, PassNmi = 1UL << 58;
    /// <summary>SA, bit 98: no events of page faults.</summary>
    private const ulong SuppressEvents = 1UL << 34;
    private const ulong FourLevels = 4 << 9, ReadWrite = 3UL << 61;
    /// <summary>2^8 entries; what finds none is dropped without an event, as a driver may be between two messages; remap.</summary>
    private const ulong RemapInterrupts = 1 | 8 << 1 | 1 << 5 | 2UL << 60;

    public static bool IsOn => s_count != 0;
    /// <summary>Where the last refused access went, as its device named it.</summary>
    public static ulong RefusedAddress;
    private static int s_count;
    private static IommuUnit* s_units;
    private static ulong* s_deviceTable;
    private static ulong* s_completion, s_rings;
    private static ulong s_sequence;
    /// <summary>A page for each function of the node.</summary>
    private static ulong* s_interruptTables;

    public static void UseMemory(byte* table)
    {
        s_deviceTable = (ulong*)table;
        s_interruptTables = (ulong*)(table + DeviceTableBytes);
        s_completion = s_interruptTables + ControlLayout.MaxFunctions * 512;
        s_rings = s_completion + 512;
        s_units = (IommuUnit*)(s_rings + MaxUnits * 1024);
        for (int i = 0; i < 65_536; i++) Deny((ushort)i);
    }

    /// <summary>
    /// Adds a unit that the firmware names, once. False: it cannot do what is needed, or it is of another PCI segment, whose
    /// functions have the same ids in the one device table.
    /// </summary>
    public static bool Add(ulong registers, uint segment)
    {
        for (int i = 0; i < s_count; i++)
            if (s_units[i].Registers == (byte*)registers) return true;
        IommuUnit* unit = s_units + s_count;
        unit->Registers = (byte*)registers;
        if (s_count == MaxUnits || segment != 0 || !HostPageTable.Reach(registers, RegisterBytes) || (Load(unit, Features) & Needed) != Needed) return false;
        unit->Commands = s_rings + s_count * 1024;
        unit->Events = unit->Commands + 512;
        s_count++;
        return true;
    }

    /// <summary>Interrupts of the node's own I/O APIC: the alarm clock's, an NMI, and nothing else.</summary>
    public static void PassNmiOf(ushort function) => Entry(function)[2] |= PassNmi;

    /// <summary>Whatever state firmware left them in.</summary>
    public static void TurnOn()
    {
        for (int i = 0; i < s_count; i++)
        {
            IommuUnit* unit = s_units + i;
            Store(unit, Control, 0);
            for (int k = 0; k < 1_000_000 && (Load(unit, Status) & Runs) != 0; k++) Cpu.Pause();
            Store(unit, DeviceTableBase, (ulong)s_deviceTable | (DeviceTableBytes / 4096 - 1));
            Store(unit, CommandBase, (ulong)unit->Commands | RingLength);
            Store(unit, EventBase, (ulong)unit->Events | RingLength);
            Store(unit, ExclusionBase, 0);
            Store(unit, ExclusionLimit, 0);
            for (uint pointer = CommandHead; pointer <= EventTail; pointer += 8) Store(unit, pointer, 0);
            Store(unit, Status, AllInterrupts);
            Store(unit, Control, On);
            // Invalidate everything.
            Command(unit, 8UL << 60, 0);
        }
        Complete();
    }

    /// <summary>A device that names these as its own is not to be believed.</summary>
    public static bool HasRegisters(ulong start, ulong bytes)
    {
        for (int i = 0; i < s_count; i++)
            if ((ulong)s_units[i].Registers < start + bytes && start < (ulong)s_units[i].Registers + RegisterBytes) return true;
        return false;
    }

    /// <summary>Without any unit there is nothing to confine with.</summary>
    public static void GiveUp() => s_count = 0;

    /// <param name="index">Of the function among the node's; <paramref name="root"/>: the partition's nested tables.</param>
    public static void Attach(int index, ushort function, int partition, ulong* root)
    {
        ulong* table = s_interruptTables + index * 512;
        Cpu.Clear(table, 4096);
        ulong* entry = Entry(function);
        entry[1] = Domain(partition);
        entry[2] = (ulong)table | RemapInterrupts;
        Cpu.Store64(entry, (ulong)root | DenyMemory | FourLevels | ReadWrite);
        Invalidate(function, partition);
    }

    public static void Detach(ushort function, int partition)
    {
        Deny(function);
        // It may go on until it is reset, and nobody is to be told of that.
        Cpu.Store64(Entry(function) + 1, SuppressEvents);
        Invalidate(function, partition);
    }

    private static void Deny(ushort function)
    {
        ulong* entry = Entry(function);
        Cpu.Store64(entry, DenyMemory);
        Cpu.Store64(entry + 2, DenyInterrupts);
    }

    /// <summary>Sets one interrupt of an attached function, at once: what comes meanwhile goes to the old target or to the new one.</summary>
    public static void Remap(int index, ushort function, uint interrupt, ulong low, ulong high)
    {
        Cpu.Store128(s_interruptTables + index * 512 + interrupt * 2, low, high);
        InvalidateInterrupts(function);
    }

    private static void Invalidate(ushort function, int partition)
    {
        InvalidateEntry(function);
        InvalidateInterrupts(function);
        InvalidatePages(partition);
    }

    private static void InvalidateEntry(ushort function)
    {
        const ulong DeviceEntry = 2UL << 60;
        for (int i = 0; i < s_count; i++) Command(s_units + i, DeviceEntry | function, 0);
    }

    /// <summary>The partition's tables have changed: on return no device uses the old ones, and what used them is done.</summary>
    public static void InvalidatePages(int partition)
    {
        const ulong Pages = 3UL << 60, All = 0x7FFF_FFFF_FFFF_F003;
        for (int i = 0; i < s_count; i++) Command(s_units + i, Pages | Domain(partition) << 32, All);
        Complete();
    }

    private static void InvalidateInterrupts(ushort function)
    {
        const ulong InterruptTable = 5UL << 60;
        for (int i = 0; i < s_count; i++) Command(s_units + i, InterruptTable | function, 0);
        Complete();
    }

    /// <summary>Domain 0 is that of all who are denied.</summary>
    private static ulong Domain(int partition) => (ulong)partition + 1;

    private static ulong* Entry(ushort function) => s_deviceTable + function * 4;

    /// <summary>Waits until each unit has done what it was told: then nothing of what was invalidated is in use any more.</summary>
    private static void Complete()
    {
        const ulong Wait = 1UL << 60, StoreData = 1;
        for (int i = 0; i < s_count; i++)
        {
            Command(s_units + i, Wait | (ulong)s_completion | StoreData, ++s_sequence);
            ulong start = Cpu.TimeStamp();
            while (Cpu.Load64(s_completion) != s_sequence)
            {
                if (Panic.IsOver) Cpu.Halt();
                if (unchecked(Cpu.TimeStamp() - start) > LongestWait) Panic.Because("an AMD-Vi unit has stopped taking commands"u8);
                Cpu.Pause();
            }
        }
    }

    private static void Command(IommuUnit* unit, ulong low, ulong high)
    {
        ulong* slot = unit->Commands + unit->CommandTail / 8;
        Cpu.Store64(slot, low);
        Cpu.Store64(slot + 1, high);
        unit->CommandTail = (unit->CommandTail + 16) & RingMask;
        Cpu.Store64((ulong*)(unit->Registers + CommandTail), unit->CommandTail);
    }

    /// <summary>
    /// Takes what the logs hold, no more: a device can make events faster than they are taken. Each is an access that was
    /// refused; of those that are not, no guest is the cause.
    /// An entry is one that is not zero: QEMU before 10.1 does not tell where its log ends, and never goes back to the start.
    /// </summary>
    public static void TakeEvents()
    {
        for (int i = 0; i < s_count; i++)
        {
            IommuUnit* unit = s_units + i;
            ulong status = Load(unit, Status);
            // Before the log is looked at: what comes meanwhile makes an interrupt of its own.
            Store(unit, Status, status & AllInterrupts);
            for (int taken = 0; taken < RingEntries; taken++)
            {
                ulong* entry = unit->Events + unit->EventHead / 8;
                ulong what = Cpu.Load64(entry);
                if (what == 0) break;
                RefusedAddress = Cpu.Load64(entry + 1);
                Cpu.Store64(entry, 0);
                unit->EventHead = (unit->EventHead + 16) & RingMask;
                Store(unit, EventHead, unit->EventHead);
                ushort function = (ushort)(what & 0xFFFF);
                Suppress(function);
                DevicePolicy.Refused<RingZero>(Node.Machine, function);
            }
            if ((status & Overflow) == 0) continue;
            // Logging begins anew: what came meanwhile is lost, the function is denied or its owner told already.
            Store(unit, Control, On & ~LogEvents);
            unit->EventHead = 0;
            Cpu.Clear(unit->Events, 4096);
            Store(unit, EventHead, 0);
            Store(unit, EventTail, 0);
            Store(unit, Control, On);
        }
    }

    /// <summary>One event says it all, until the function is attached anew.</summary>
    private static void Suppress(ushort function)
    {
        ulong* quad = Entry(function) + 1;
        if ((*quad & SuppressEvents) != 0) return;
        Cpu.Store64(quad, *quad | SuppressEvents);
        InvalidateEntry(function);
        Complete();
    }

    private static ulong Load(IommuUnit* unit, uint register) => Cpu.Load64((ulong*)(unit->Registers + register));
    private static void Store(IommuUnit* unit, uint register, ulong value) => Cpu.Store64((ulong*)(unit->Registers + register), value);
}
