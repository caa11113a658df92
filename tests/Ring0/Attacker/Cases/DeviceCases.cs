using System;

namespace Osv.Ring0.Attacker.Cases;

/// <summary>A PCI function of the partition's own: its configuration space, that of others, and its MSI-X table in every field.</summary>
public static unsafe class DeviceCases
{
    private const uint Device = 2, Command = 4, FirstBase = 0x10, Bases = 6, NoInterruptPin = 0x400;
    private const int Vector = 0x54;

    private static ReadOnlySpan<uint> Addresses => [0, 0x1000, 0x10_0000, 0xC000_0000, 0xC001_0000, 0xFEC0_0000, 0xFED8_0000, 0xFEE0_0000, 0xFFFF_F000, 0xFFFF_FFFF];

    public static void Run()
    {
        Case.Name("device-found"u8);
        Case.Verdict(Nvme.Find() && Nvme.Start(Nvme.Commands, Nvme.Completions), "ready"u8);
        Others();
        BaseAddresses();
        Case.Name("config-command"u8);
        Pci.Write(Device, Command, 0xFFFF_FFFF);
        uint seen = Pci.Read(Device, Command);
        Case.Verdict((seen & 0xFFFF & ~0x0046u) == NoInterruptPin, "no I/O, no interrupt pin"u8, seen);
        Pci.Write(Device, Command, 6);
        for (uint offset = 8; offset < 256; offset += 4)
            if (offset is < FirstBase or >= FirstBase + Bases * 4 && offset != Nvme.Capability) Closed(offset);
        Works("after-config"u8);
        Messages();
        Works("after-messages"u8);
        InterruptStorm();
    }

    /// <summary>Every function there could be, and writes to all of bus 0.</summary>
    private static void Others()
    {
        Case.Name("config-of-others"u8);
        uint present = 0, last = 0;
        for (uint address = 0; address < 65_536; address++)
        {
            Cpu.Out32(0xCF8, 0x8000_0000 | address << 8);
            if (Cpu.In32(0xCFC) == 0xFFFF_FFFF) continue;
            present++;
            last = address;
        }
        Case.Verdict(present == 2 && last == Device << 3, "host bridge and own function only"u8, present, last);
        Case.Name("config-of-others-extended"u8);
        present = 0;
        for (uint bits = 1; bits < 128; bits++)
        {
            Cpu.Out32(0xCF8, 0x8000_0000 | bits << 24 | Device << 11);
            if (bits < 16 && Cpu.In32(0xCFC) != 0xFFFF_FFFF) present++;
        }
        Case.Verdict(present == 0, "no extended registers"u8, present);
        for (uint device = 0; device < 32; device++)
        {
            if (device == Device) continue;
            Case.Name("config-write"u8);
            Case.AndHex(device);
            uint before = Pci.Read(device, Command), strange = 0;
            for (uint offset = 0; offset < 256; offset += 4)
            {
                Pci.Write(device, offset, 0xFFFF_FFFF);
                Pci.WriteByte(device, offset + 1, 0);
            }
            if (Pci.Read(device, Command) != before) strange++;
            Case.Verdict(strange == 0, "nothing changes"u8, strange);
        }
    }

    private static void BaseAddresses()
    {
        uint version = Nvme.Load(8);
        for (uint i = 0; i < Bases; i++)
        {
            uint offset = FirstBase + i * 4, before = Pci.Read(Device, offset);
            for (int k = 0; k < Addresses.Length; k++)
            {
                Case.Name("base-address"u8);
                Case.AndHex(i);
                Case.AndHex(Addresses[k]);
                Pci.Write(Device, offset, Addresses[k]);
                Pci.WriteByte(Device, offset + 2, Addresses[k] >> 16);
                uint moved = Nvme.Load(8);
                Pci.Write(Device, offset, before);
                uint after = Pci.Read(Device, offset);
                Case.Verdict(moved == version && after == before, "stays where it is"u8, moved, after);
            }
        }
    }

    /// <summary>A register that is not for the owner: power state, function-level reset, expansion ROM and the like.</summary>
    private static void Closed(uint offset)
    {
        Case.Name("config-closed"u8);
        Case.AndHex(offset);
        uint before = Pci.Read(Device, offset);
        Pci.Write(Device, offset, 0xFFFF_FFFF);
        for (uint i = 0; i < 4; i++) Pci.WriteByte(Device, offset + i, 0xFF);
        uint ones = Pci.Read(Device, offset);
        Pci.Write(Device, offset, 0);
        uint zeros = Pci.Read(Device, offset);
        Case.Verdict(ones == before && zeros == before, "nothing changes"u8, ones, zeros);
    }

    /// <summary>The controller has not been reset, and writes where it is told to.</summary>
    private static void Works(ReadOnlySpan<byte> when)
    {
        Case.Name("device-works"u8);
        Case.And(when);
        Cpu.Store32((void*)Nvme.Page, 0);
        Nvme.Identify(Nvme.Page);
        bool done = Nvme.Complete();
        uint vendor = Cpu.Load32((void*)Nvme.Page);
        Case.Verdict(done && vendor != 0, "a page is written"u8, vendor);
    }

    private static void Messages()
    {
        Parameters* own = Interrupts.Parameters;
        // The controller takes its vectors when it is started.
        WriteControl(0x8000);
        Nvme.Start(Nvme.Commands, Nvme.Completions);
        ulong mine = 0xFEE0_0000 | (ulong)own->OwnId << 12;
        Message("own"u8, mine, Vector, 0, expected: 1);
        Message("own-upper-half"u8, mine | 0xDEAD_BEEF_0000_0000, Vector, 0, expected: 0);
        Message("masked"u8, mine, Vector, 1, expected: 0);
        Message("neighbour"u8, 0xFEE0_0000 | (ulong)own->NeighbourId << 12, Vector, 0, expected: 0);
        Message("management"u8, 0xFEE0_0000 | (ulong)own->ManagementId << 12, Vector, 0, expected: 0);
        Message("broadcast"u8, 0xFEEF_F000, Vector, 0, expected: 0);
        Message("logical"u8, 0xFEEF_F004, Vector, 0, expected: 0);
        Message("lowest-of-all"u8, 0xFEEF_F00C, Vector | 0x100, 0, expected: 0);
        for (uint mode = 1; mode < 8; mode++)
        {
            Message("mode"u8, mine, Vector | mode << 8, 0, expected: mode == 1 ? 1u : 0);
            Message("mode-neighbour"u8, 0xFEE0_0000 | (ulong)own->NeighbourId << 12, Vector | mode << 8, 0, expected: 0);
        }
        for (uint vector = 0; vector < 16; vector++) Message("low-vector"u8, mine, vector, 0, expected: 0);
        Message("level"u8, mine, Vector | 0xC000, 0, expected: 1);
        for (int k = 0; k < Addresses.Length; k++)
            if (Addresses[k] >> 20 != 0xFEE) Message("address"u8, Addresses[k], Vector, 0, expected: 0);
        Sweep();
        Message("own-again"u8, mine, Vector, 0, expected: 1);
    }

    /// <summary>OUT DX, AX: a write of all four bytes does not reach the control.</summary>
    private static void WriteControl(uint value)
    {
        Pci.Select(Device, Nvme.Capability);
        Registers registers = default;
        registers.Rax = value;
        registers.Rdx = 0xCFE;
        Probe.Run([0x66, 0xEF], ref registers);
    }

    /// <summary>Entry 0 gets this message, and the admin queue raises it.</summary>
    private static void Message(ReadOnlySpan<byte> name, ulong address, uint data, uint control, uint expected)
    {
        Case.Name("message"u8);
        Case.And(name);
        Case.AndHex(address);
        Case.AndHex(data);
        Cpu.Store32(Nvme.Table + 3, 1);
        Cpu.Store32(Nvme.Table, (uint)(address & 0xFFFF_FFFF));
        Cpu.Store32(Nvme.Table + 1, (uint)(address >> 32));
        Cpu.Store32(Nvme.Table + 2, data);
        Cpu.Store32(Nvme.Table + 3, control);
        bool kept = Cpu.Load32(Nvme.Table) == (uint)(address & 0xFFFF_FFFF) && Cpu.Load32(Nvme.Table + 2) == data;
        CoreState.Clear(Symbols.State(0));
        Nvme.Identify(Nvme.Page);
        bool done = Nvme.Complete();
        Interrupts.Settle(1000);
        ulong seen = CoreState.Count(Symbols.State(0), Vector), others = CoreState.Others(Symbols.State(0), Vector);
        Case.Verdict(kept && done && seen == expected && others == 0, expected == 1 ? "one interrupt"u8 : "no interrupt"u8, seen, others);
    }

    /// <summary>Every word of the table's pages, all ones and all zeros, while the controller raises interrupts.</summary>
    private static void Sweep()
    {
        Case.Name("message-table-sweep"u8);
        uint entries = (Pci.Read(Device, Nvme.Capability) >> 16 & 0x7FF) + 1;
        CoreState.Clear(Symbols.State(0));
        uint strange = 0;
        for (uint i = 0; i < entries * 4; i++)
        {
            Cpu.Store32(Nvme.Table + i, 0xFFFF_FFFF);
            if (i % 16 == 0)
            {
                Nvme.Identify(Nvme.Page);
                if (!Nvme.Complete()) strange++;
            }
        }
        for (uint i = 0; i < entries * 4; i++) Cpu.Store32(Nvme.Table + i, 0);
        Interrupts.Settle(1000);
        ulong seen = CoreState.Others(Symbols.State(0), -1);
        Case.Verdict(strange == 0 && seen == 0, "no interrupt"u8, strange, seen);
    }

    private static void InterruptStorm()
    {
        Case.Name("message-storm"u8);
        CoreState.Clear(Symbols.State(0));
        bool done = true;
        Cpu.OpenInterrupts();
        for (int i = 0; i < 5000; i++)
        {
            Nvme.Identify(Nvme.Page);
            done &= Nvme.Complete();
        }
        Cpu.CloseInterrupts();
        ulong seen = CoreState.Count(Symbols.State(0), Vector), others = CoreState.Others(Symbols.State(0), Vector);
        Case.Verdict(done && seen > 100 && others == 0, "own interrupts only"u8, seen, others);
        WriteControl(0);
    }
}
