namespace Osv.Ring0.Attacker;

/// <summary>
/// The partition's own NVMe controller (NVM Express 1.4), as far as an attack needs it: the admin queue, and a command that
/// writes a page wherever it is told to.
/// </summary>
public static unsafe class Nvme
{
    public const ulong Commands = 0xA0_0000, Completions = 0xA1_0000, Page = 0xA2_0000;
    private const uint ClassOfNvme = 0x01_0802, Device = 2, Entries = 16, CommandBytes = 64, CompletionBytes = 16;
    private const uint Configuration = 0x14, Status = 0x1C, QueueSizes = 0x24, CommandBase = 0x28, CompletionBase = 0x30, CommandTail = 0x1000, CompletionHead = 0x1004;
    private const uint Enable = 0x0046_0001, Ready = 1, MsiX = 17;
    private static uint s_tail, s_head;

    /// <summary>Of the memory of its base address 0, and where its MSI-X capability and table are.</summary>
    public static ulong Registers { get; private set; }
    public static uint Capability { get; private set; }
    public static uint* Table { get; private set; }

    /// <summary>False when the partition has none.</summary>
    public static bool Find()
    {
        if (Pci.Read(Device, 8) >> 8 != ClassOfNvme) return false;
        Registers = (Pci.Read(Device, 0x10) & ~15u) | (ulong)Pci.Read(Device, 0x14) << 32;
        Pci.Write(Device, 4, 6);
        for (uint at = Pci.Read(Device, 0x34) & 0xFC; at != 0; at = Pci.Read(Device, at) >> 8 & 0xFC)
            if ((Pci.Read(Device, at) & 0xFF) == MsiX) Capability = at;
        Table = (uint*)(Registers + (Pci.Read(Device, Capability + 4) & ~7u));
        return Capability != 0;
    }

    /// <summary>Begins anew, with queues at these addresses. False when it does not get ready.</summary>
    public static bool Start(ulong commands, ulong completions)
    {
        Store(Configuration, 0);
        for (int i = 0; i < 1000 && (Load(Status) & Ready) != 0; i++) Interrupts.Wait(100);
        s_tail = s_head = 0;
        for (uint i = 0; i < Entries * CompletionBytes; i += 4) *(uint*)(Completions + i) = 0;
        Store(QueueSizes, (Entries - 1) | (Entries - 1) << 16);
        Store(CommandBase, (uint)(commands & 0xFFFF_FFFF));
        Store(CommandBase + 4, (uint)(commands >> 32));
        Store(CompletionBase, (uint)(completions & 0xFFFF_FFFF));
        Store(CompletionBase + 4, (uint)(completions >> 32));
        Store(Configuration, Enable);
        for (int i = 0; i < 1000 && (Load(Status) & Ready) == 0; i++) Interrupts.Wait(100);
        return (Load(Status) & Ready) != 0;
    }

    /// <summary>Identify: the controller writes 4 KiB to this address, or to two pages when it is not a page's.</summary>
    public static void Identify(ulong to, ulong second = 0)
    {
        ulong* command = (ulong*)(Commands + s_tail * CommandBytes);
        for (int i = 0; i < 8; i++) command[i] = 0;
        command[0] = 6 | (ulong)s_tail << 16;
        command[3] = to;
        command[4] = second;
        command[5] = 1;
        s_tail = (s_tail + 1) % Entries;
        Store(CommandTail, s_tail);
    }

    /// <summary>True when the oldest command has been completed within a second or so, well or not; its place is free again.</summary>
    public static bool Complete()
    {
        uint* completion = (uint*)(Completions + s_head % Entries * CompletionBytes);
        uint phase = s_head / Entries % 2 == 0 ? 1u << 16 : 0;
        for (int i = 0; i < 10_000; i++)
        {
            if ((Cpu.Load32(completion + 3) & 1u << 16) == phase)
            {
                s_head++;
                Store(CompletionHead, s_head % Entries);
                return true;
            }
            Interrupts.Wait(100);
        }
        return false;
    }

    public static uint Load(uint register) => Cpu.Load32((void*)(Registers + register));
    public static void Store(uint register, uint value) => Cpu.Store32((void*)(Registers + register), value);
}

/// <summary>Configuration space of bus 0, function 0, by mechanism 1.</summary>
public static class Pci
{
    public static void Select(uint device, uint offset) => Cpu.Out32(0xCF8, 0x8000_0000 | device << 11 | (offset & 0xFC));

    public static uint Read(uint device, uint offset)
    {
        Select(device, offset);
        return Cpu.In32(0xCFC);
    }

    public static void Write(uint device, uint offset, uint value)
    {
        Select(device, offset);
        Cpu.Out32(0xCFC, value);
    }

    public static void WriteByte(uint device, uint offset, uint value)
    {
        Select(device, offset);
        Cpu.Out8(0xCFC + (offset & 3), value);
    }
}
