namespace Osv.Ring0.Attacker.Cases;

/// <summary>
/// The interrupt command register: every delivery mode, destination mode and shorthand, at every kind of destination.
/// What may arrive here is counted here; what must not arrive next door is counted there.
/// </summary>
public static unsafe class IcrCases
{
    private const int Vector = 0x51;
    private const uint Fixed = 0, Nmi = 4, Init = 5, Startup = 6;
    private const int Destinations = 9;

    private static CoreState* State => Symbols.State(0);

    public static void Run()
    {
        for (uint mode = 0; mode < 8; mode++)
            for (uint logical = 0; logical < 2; logical++)
                for (uint shorthand = 0; shorthand < 4; shorthand++)
                    for (int destination = 0; destination < Destinations; destination++)
                        Send(mode, logical, shorthand, destination);
        KnownValues();
        LowVectors();
        ReservedBits();
        NmiWithinNmi();
    }

    /// <summary>An NMI that comes during the handler of another waits for its IRET, and then comes.</summary>
    private static void NmiWithinNmi()
    {
        const ulong Again = 3;
        Case.Name("icr-nmi-within-nmi"u8);
        CoreState.Clear(State);
        Cpu.Store64(&State->NmiAgain, Again);
        Interrupts.Send(((ulong)Interrupts.Parameters->OwnId << 32) | 0x4000 | (Nmi << 8));
        Interrupts.Wait(1000);
        Case.Verdict(CoreState.Count(State, 2) == Again + 1 && Cpu.Load64(&State->NmiMost) == 1, "all of them, one at a time"u8, CoreState.Count(State, 2), Cpu.Load64(&State->NmiMost));
    }

    private static void Send(uint mode, uint logical, uint shorthand, int destination)
    {
        uint to = Destination(destination);
        bool self = ReachesSelf(logical != 0, shorthand, to);
        // INIT at ourselves ends this payload: those are endings of their own.
        if (mode == Init && self && shorthand == 0) return;
        Name(mode, logical, shorthand, destination);
        CoreState.Clear(State);
        Interrupts.Send(((ulong)to << 32) | (shorthand << 18) | 0x4000 | (logical << 11) | (mode << 8) | Vector);
        Interrupts.Settle();
        if (mode == Fixed && self) Expect(Vector);
        else if (mode == Nmi && self) Expect(2);
        else ExpectNothing();
    }

    private static uint Destination(int number)
    {
        Parameters* own = Interrupts.Parameters;
        return number switch
        {
            0 => own->OwnId,
            1 => own->NeighbourId,
            2 => own->ManagementId,
            3 => 0xFFFF_FFFF,
            4 => LogicalId(own->NeighbourId),
            5 => LogicalId(own->ManagementId),
            6 => LogicalId(own->OwnId),
            7 => 0x0000_FFFF,
            _ => 0xFF,
        };
    }

    private static uint LogicalId(uint id) => ((id >> 4) << 16) | (1u << (int)(id & 15));

    /// <summary>APM vol. 2, 16.6.1 and 16.13, in words of a partition of one core.</summary>
    private static bool ReachesSelf(bool logical, uint shorthand, uint to)
    {
        if (shorthand != 0) return shorthand != 3;
        if (to == 0xFFFF_FFFF) return true;
        uint id = Interrupts.Parameters->OwnId;
        return logical ? to >> 16 == id >> 4 && (to >> (int)(id & 15) & 1) != 0 : to == id;
    }

    private static void Name(uint mode, uint logical, uint shorthand, int destination)
    {
        Case.Name("icr"u8);
        Case.And(mode switch { 0 => "fixed"u8, 1 => "lowest"u8, 2 => "smi"u8, 3 => "reserved3"u8, 4 => "nmi"u8, 5 => "init"u8, 6 => "startup"u8, _ => "extint"u8 });
        Case.And(logical == 0 ? "physical"u8 : "logical"u8);
        Case.And(shorthand switch { 0 => "none"u8, 1 => "self"u8, 2 => "all"u8, _ => "others"u8 });
        Case.And(destination switch
        {
            0 => "own"u8, 1 => "neighbour"u8, 2 => "management"u8, 3 => "broadcast"u8, 4 => "neighbour-bit"u8,
            5 => "management-bit"u8, 6 => "own-bit"u8, 7 => "cluster"u8, _ => "xapic-broadcast"u8,
        });
    }

    private static void Expect(int vector)
    {
        ulong seen = CoreState.Count(State, vector), others = CoreState.Others(State, vector);
        Case.Verdict(seen == 1 && others == 0, vector == 2 ? "one NMI, here only"u8 : "one interrupt, here only"u8, seen, others);
    }

    private static void ExpectNothing()
    {
        ulong seen = CoreState.Others(State, -1);
        Case.Verdict(seen == 0, "no interrupt seen"u8, seen);
    }

    /// <summary>Values that a peer let through, and their kin: all-but-self with every mode, without and with level and trigger.</summary>
    private static void KnownValues()
    {
        for (uint mode = 0; mode < 8; mode++)
        {
            for (uint trigger = 0; trigger < 4; trigger++)
            {
                Case.Name("icr-000c0xf8"u8);
                Case.AndHex(mode);
                Case.AndHex(trigger);
                CoreState.Clear(State);
                Interrupts.Send(0x000C_00F8 | (mode << 8) | (trigger << 14));
                Interrupts.Settle();
                ExpectNothing();
            }
        }
    }

    private static void LowVectors()
    {
        for (uint vector = 0; vector < 16; vector++)
        {
            Case.Name("icr-fixed-vector"u8);
            Case.AndHex(vector);
            CoreState.Clear(State);
            Interrupts.Send(((ulong)Interrupts.Parameters->OwnId << 32) | 0x4000 | vector);
            Interrupts.Send(0x000C_4000 | vector);
            Interrupts.Settle();
            ExpectNothing();
        }
    }

    /// <summary>Bits without meaning are refused or ignored; the interrupt stays what it is without them.</summary>
    private static void ReservedBits()
    {
        for (int bit = 12; bit < 32; bit++)
        {
            if (bit is 14 or 15 or 18 or 19) continue;
            Case.Name("icr-reserved-bit"u8);
            Case.AndHex((ulong)bit);
            CoreState.Clear(State);
            uint fault = Probe.WriteMsr(Interrupts.Icr, ((ulong)Interrupts.Parameters->OwnId << 32) | (1u << bit) | 0x4000 | Vector);
            Interrupts.Settle();
            ulong seen = CoreState.Count(State, Vector), others = CoreState.Others(State, Vector);
            Case.Verdict(others == 0 && (fault == Probe.Protection ? seen == 0 : seen == 1), "#GP, or the plain interrupt"u8, seen, fault);
        }
    }
}
