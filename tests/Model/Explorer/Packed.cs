using System;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Model.Explorer;

/// <summary>
/// A state in 24 bytes. Left out is what other fields determine (APIC ids, extents, numbers of cores and extents) and
/// what no decision reads (causes, entry states, SIPI vectors, probe samples).
/// <para>
/// A state is kept in one form for all that differ by names only. Cores may be renamed: the policy looks at them one by
/// one and knows them by their ids only, and the alphabets of requests, ICR values and pins are closed under renaming.
/// So may pages where every extent is one page, because addresses are then only compared (with longer extents it counts which page comes
/// next, and pages keep their names), and so may partitions 1 and 2, as far as the code treats all tenants alike: searches in which they keep their names see to that. Partition 0 keeps its name. Renaming
/// therefore maps steps to steps and keeps every property, and one state of each class is enough. SMT siblings stay a
/// pair: they change names with each other, or a pair with a pair. The form is the smaller one after naming partitions both ways and
/// sorting cores and pages by what they are; cores that only differ in who refers to them may stay in two forms, which
/// costs states and nothing else.
/// </para>
/// </summary>
internal readonly record struct Packed(ulong A, ulong B, ulong C) : IComparable<Packed>
{
    private const int CoreBits = 23, PageBits = 8, PlaceShift = 10;

    public int CompareTo(Packed other) =>
        A != other.A ? A.CompareTo(other.A) : B != other.B ? B.CompareTo(other.B) : C.CompareTo(other.C);

    public ulong Hash
    {
        get
        {
            unchecked
            {
                ulong hash = (A * 0x9E37_79B9_7F4A_7C15) ^ (B * 0xC2B2_AE3D_27D4_EB4F) ^ (C * 0x1656_67B1_9E37_79F9);
                hash ^= hash >> 29;
                hash *= 0xBF58_476D_1CE4_E5B9;
                return hash ^ (hash >> 32);
            }
        }
    }

    /// <summary>As named, without looking for the smallest form.</summary>
    public static Packed Exact(in World world)
    {
        Span<int> place = [0, 1, 2, 3];
        return Pack(in world, place, swap: false, sortPages: false);
    }

    public static Packed Canonical(in World world, Configuration bounds)
    {
        Packed first = Sorted(in world, bounds, swap: false);
        if (bounds.NamedTenants) return first;
        Packed second = Sorted(in world, bounds, swap: true);
        return first.CompareTo(second) <= 0 ? first : second;
    }

    private static uint Rename(uint partition, bool swap) => swap && partition is 1 or 2 ? 3 - partition : partition;

    private static uint Owner(ushort partition) => partition == Machine.Nobody ? World.None : partition;

    private static Packed Sorted(in World world, Configuration bounds, bool swap)
    {
        Span<int> order = [0, 1, 2, 3];
        Span<ulong> keys = stackalloc ulong[World.Cores];
        for (int core = 0; core < World.Cores; core++) keys[core] = Key(in world, core, swap);
        if (bounds.Siblings)
        {
            Sort(keys[..2], order[..2]);
            Sort(keys[2..], order[2..]);
            if (keys[0] > keys[2] || (keys[0] == keys[2] && keys[1] > keys[3])) (order[0], order[1], order[2], order[3]) = (order[2], order[3], order[0], order[1]);
        }
        else
        {
            Sort(keys[..bounds.Cores], order[..bounds.Cores]);
        }
        Span<int> place = stackalloc int[World.Cores];
        for (int i = 0; i < World.Cores; i++) place[order[i]] = i;
        return Pack(in world, place, swap, sortPages: !bounds.LongExtents);
    }

    private static void Sort(Span<ulong> keys, Span<int> order)
    {
        for (int i = 1; i < keys.Length; i++)
        {
            for (int k = i; k > 0 && keys[k - 1] > keys[k]; k--)
            {
                (keys[k - 1], keys[k]) = (keys[k], keys[k - 1]);
                (order[k - 1], order[k]) = (order[k], order[k - 1]);
            }
        }
    }

    /// <summary>What a core is apart from its name and the names of those it refers to.</summary>
    private static ulong Key(in World world, int core, bool swap)
    {
        uint place = world.Place[core];
        ulong relations = 0;
        if (place >= (uint)Place.SendTo)
        {
            int target = (int)(place - (uint)Place.SendTo);
            if (IsBoot(in world, target)) relations |= 1;
            place = (uint)Place.SendTo;
        }
        if (IsBoot(in world, core)) relations |= 2;
        for (int other = 0; other < World.Cores; other++)
            if (world.Place[other] == (uint)Place.SendTo + core) relations += 4;
        for (int function = 0; function < World.Functions; function++)
            if (world.InterruptTo[function] == core) relations += 32UL << function;
        return ((ulong)Record(in world, core, place, swap) << 7) | relations;
    }

    private static bool IsBoot(in World world, int core)
    {
        ushort owner = world.Core[core].Partition;
        return owner != Machine.Nobody && world.Partition[owner].BootCore == core;
    }

    /// <summary>23 bits; the owner on top, so that cores of one owner stand together.</summary>
    private static uint Record(in World world, int core, uint place, bool swap)
    {
        ref readonly Core policy = ref world.Core[core];
        uint runs = world.Runs[core];
        return (Rename(Owner(policy.Partition), swap) << 21) | ((uint)policy.Mode << 19) | ((policy.Dirty ? 1u : 0) << 18)
            | ((world.Kicked[core] ? 1u : 0) << 17) | (Rename(runs, swap) << 15) | ((world.RequestIsForeign[core] ? 1u : 0) << 14)
            | (place << PlaceShift) | ((uint)world.Pending[core] << 8) | ((uint)world.Registers[core] << 6) | (policy.Requests & 63);
    }

    private static Packed Pack(in World world, ReadOnlySpan<int> place, bool swap, bool sortPages)
    {
        Span<uint> cores = stackalloc uint[World.Cores];
        for (int core = 0; core < World.Cores; core++)
        {
            uint at = world.Place[core];
            if (at >= (uint)Place.SendTo) at = (uint)Place.SendTo + (uint)place[(int)(at - (uint)Place.SendTo)];
            cores[place[core]] = Record(in world, core, at, swap);
        }
        Span<uint> partitions = stackalloc uint[World.Partitions];
        for (int p = 0; p < World.Partitions; p++)
        {
            ref readonly Partition policy = ref world.Partition[p];
            uint boot = policy.State == PartitionState.Absent ? 0 : (uint)place[policy.BootCore];
            partitions[(int)Rename((uint)p, swap)] = ((uint)policy.State << 6) | (boot << 4) | ((uint)policy.CoresOut << 1) | (policy.Dirty ? 1u : 0);
        }
        Span<uint> pages = stackalloc uint[World.Pages];
        for (int page = 0; page < World.Pages; page++)
        {
            pages[page] = (world.Joined[page] ? 1u << 7 : 0) | (Rename(world.Owner[page], swap) << 5) | (Rename(world.Mapped[page], swap) << 3) | ((uint)world.Content[page] << 1) | (world.Visible[page] ? 1u : 0);
            if (!sortPages) continue;
            for (int k = page; k > 0 && pages[k - 1] > pages[k]; k--) (pages[k - 1], pages[k]) = (pages[k], pages[k - 1]);
        }
        ulong c = 0;
        for (int function = 0; function < World.Functions; function++)
        {
            uint to = world.InterruptTo[function];
            if (to < World.Cores) to = (uint)place[(int)to];
            c = (c << 8) | (Rename(world.FunctionOwner[function], swap) << 6) | (Rename(world.Reaches[function], swap) << 4) | (to << 1) | (world.Soiled[function] ? 1u : 0);
        }
        foreach (uint page in pages) c = (c << PageBits) | page;
        ulong window = Rename(Owner(world.Window), swap);
        return new Packed(
            cores[0] | ((ulong)cores[1] << CoreBits) | ((ulong)partitions[0] << 46) | (window << 55),
            cores[2] | ((ulong)cores[3] << CoreBits) | ((ulong)partitions[1] << 46) | ((ulong)partitions[2] << 55),
            c);
    }

    public World Unpack(Configuration bounds)
    {
        World world = default;
        for (int core = 0; core < World.Cores; core++)
        {
            uint record = (uint)(((core < 2 ? A : B) >> ((core & 1) * CoreBits)) & ((1u << CoreBits) - 1));
            uint owner = record >> 21;
            world.Core[core] = new Core
            {
                ApicId = World.FirstApicId + (uint)core,
                PhysicalCore = bounds.PhysicalCore(core),
                Partition = owner == World.None ? Machine.Nobody : (ushort)owner,
                Mode = (CoreMode)((record >> 19) & 3),
                Dirty = ((record >> 18) & 1) != 0,
                Requests = record & 63,
            };
            world.Kicked[core] = ((record >> 17) & 1) != 0;
            world.Runs[core] = (byte)((record >> 15) & 3);
            world.RequestIsForeign[core] = ((record >> 14) & 1) != 0;
            world.Place[core] = (byte)((record >> PlaceShift) & 15);
            world.Pending[core] = (byte)((record >> 8) & 3);
            world.Registers[core] = (Registers)((record >> 6) & 3);
            if (owner != World.None) world.Partition[(int)owner].CoreCount++;
        }
        for (int p = 0; p < World.Partitions; p++)
        {
            uint record = (uint)((p == 0 ? A >> 46 : p == 1 ? B >> 46 : B >> 55) & 511);
            ref Partition partition = ref world.Partition[p];
            partition.State = (PartitionState)(record >> 6);
            partition.BootCore = (ushort)((record >> 4) & 3);
            partition.CoresOut = (ushort)((record >> 1) & 7);
            partition.Dirty = (record & 1) != 0;
        }
        for (int page = 0; page < World.Pages; page++)
        {
            uint record = (uint)((C >> ((World.Pages - 1 - page) * PageBits)) & ((1u << PageBits) - 1));
            world.Owner[page] = (byte)((record >> 5) & 3);
            world.Joined[page] = (record >> 7) != 0;
            world.Mapped[page] = (byte)((record >> 3) & 3);
            world.Content[page] = (Content)((record >> 1) & 3);
            world.Visible[page] = (record & 1) != 0;
        }
        for (int function = 0; function < World.Functions; function++)
        {
            uint record = (uint)((C >> (World.Pages * PageBits + (World.Functions - 1 - function) * 8)) & 255);
            world.FunctionOwner[function] = (byte)(record >> 6);
            world.Reaches[function] = (byte)((record >> 4) & 3);
            world.InterruptTo[function] = (byte)((record >> 1) & 7);
            world.Soiled[function] = (record & 1) != 0;
        }
        uint window = (uint)((A >> 55) & 3);
        world.Window = window == World.None ? Machine.Nobody : (ushort)window;
        return world;
    }
}
