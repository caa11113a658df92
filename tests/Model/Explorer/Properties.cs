using System;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Model.Explorer;

/// <summary>What must hold in every state.</summary>
internal static class Properties
{
    /// <summary>The first property that does not hold, or null.</summary>
    public static string? Check(in World world, Configuration bounds)
    {
        for (int core = 0; core < bounds.Cores; core++)
            if (CheckCore(in world, core, bounds) is { } broken) return broken;
        for (int page = 0; page < bounds.Pages; page++)
            if (CheckPage(in world, page) is { } broken) return broken;
        for (int function = 0; function < bounds.Functions; function++)
            if (CheckFunction(in world, function, bounds) is { } broken) return broken;
        if (Permissions.Check(in world, bounds.Cores) is { } shared) return shared;
        bool quiet = true;
        for (int core = 0; core < bounds.Cores; core++) quiet &= !CanStep(in world, core);
        for (int partition = 0; partition < World.Partitions; partition++)
            if (CheckPartition(in world, partition, bounds, quiet) is { } broken) return broken;
        return null;
    }

    /// <summary>The core has a step of its own to take.</summary>
    public static bool CanStep(in World world, int core) => (Place)world.Place[core] switch
    {
        Place.Guest or Place.Settle or Place.Parked => world.Kicked[core],
        _ => true,
    };

    /// <summary>In the guest, with nothing to do but an NMI that the guest may not take yet.</summary>
    public static bool AwaitsIret(in World world, int core) =>
        !world.Kicked[core] && world.Core[core].Requests == Request.Nmi && world.InGuest(core);

    private static string? CheckCore(in World world, int core, Configuration bounds)
    {
        ref readonly Core policy = ref world.Core[core];
        var place = (Place)world.Place[core];
        bool owned = policy.Partition != Machine.Nobody;
        if (bounds.Siblings && world.Core[core ^ 1].Partition != policy.Partition) return $"core {core} and its sibling belong to partitions {policy.Partition} and {world.Core[core ^ 1].Partition}";
        PartitionState state = owned ? world.Partition[policy.Partition].State : PartitionState.Absent;

        if (policy.Requests != Request.None && !world.Kicked[core] && !AwaitsIret(in world, core)) return $"core {core} has requests that no kick makes it look at";
        if (!world.Kicked[core] && place is Place.Guest or Place.Parked && !AwaitsIret(in world, core) && !IsIdle(in world, core)) return $"no kick makes core {core} look at its requests, and a look would change what it does";
        if (world.Registers[core] != Registers.Clean && !policy.Dirty) return $"core {core} is listed as scrubbed but holds a guest's registers";

        if (world.InGuest(core) || place is Place.Enter)
        {
            if (state is not (PartitionState.Running or PartitionState.Stopping)) return $"core {core} runs a guest of a partition that is {state}";
            if (policy.Mode != CoreMode.Running) return $"core {core} runs a guest and is listed as {policy.Mode}";
            if (state == PartitionState.Stopping && (policy.Requests & Request.Stop) == 0) return $"core {core} of a stopping partition was told to stop and runs on";
        }
        if (world.InGuest(core))
        {
            if (world.Runs[core] != policy.Partition) return $"core {core} runs the guest of partition {world.Runs[core]} and belongs to partition {policy.Partition}";
            if ((world.Pending[core] & World.Foreign) != 0) return $"an interrupt that another partition, or a former run, raised is pending on core {core} while its guest runs";
            if (world.Registers[core] == Registers.Foreign) return $"core {core} runs a guest with registers of another partition, or of a former run";
        }
        if (place is Place.Scrub or Place.Scrubbed && state != PartitionState.Stopping) return $"core {core} is scrubbed while its partition is {state}";
        if (place is Place.Clear or Place.Cleared && (state != PartitionState.Scrubbing || world.Partition[policy.Partition].BootCore != core))
            return $"core {core} clears memory that it should not";
        if (state is PartitionState.Absent or PartitionState.Stopped or PartitionState.Scrubbing)
        {
            if (place is not (Place.Parked or Place.Clear or Place.Cleared)) return $"core {core} is not parked though its partition is {state}";
            if (world.Registers[core] != Registers.Clean) return $"core {core} was not scrubbed though its partition is {state}";
            if (world.Runs[core] != World.None) return $"core {core} still has a guest loaded though its partition is {state}";
            if (policy.Mode != CoreMode.Parked) return $"core {core} is listed as {policy.Mode} though its partition is {state}";
        }
        return null;
    }

    /// <summary>Looking at no requests, as happens after two kicks in a row, goes on with what the core does.</summary>
    private static bool IsIdle(in World world, int core)
    {
        World copy = world;
        ushort window = world.Window;
        var machine = new Machine(copy.Core, copy.Partition, default, default, default, new(ref window));
        CoreAction action = Lifecycle.Next(machine, core, mayTakeNmi: true);
        return action == ((Place)world.Place[core] == Place.Guest ? CoreAction.Resume : CoreAction.Park)
            && copy.Bytes.SequenceEqual(world.Bytes);
    }

    private static string? CheckPage(in World world, int page)
    {
        byte owner = world.Owner[page];
        if (world.Mapped[page] != owner) return $"page {page} belongs to partition {owner} and is mapped for partition {world.Mapped[page]} (3: nobody)";
        PartitionState state = owner == World.None ? PartitionState.Absent : world.Partition[owner].State;
        if (world.Visible[page])
        {
            if (owner == Machine.Management || state != PartitionState.Stopped) return $"partition 0 reaches page {page} of partition {owner} (3: nobody), which is {state}";
            if (world.Window != owner) return $"partition 0 reaches page {page} through a window that is listed as closed or elsewhere";
            if (world.Content[page] != Content.Clean) return $"partition 0 reaches page {page}, which holds {world.Content[page]} data";
        }
        return (state, world.Content[page]) switch
        {
            (PartitionState.Running or PartitionState.Stopping, Content.Foreign) => $"page {page} of a started partition holds data of another partition, or of a former run",
            (PartitionState.Stopped, not Content.Clean) => $"page {page} of a stopped partition was not cleared",
            _ => null,
        };
    }

    /// <summary>No page is reachable by DMA of a function whose partition does not own it, and no core by its interrupts.</summary>
    private static string? CheckFunction(in World world, int function, Configuration bounds)
    {
        byte owner = world.FunctionOwner[function], reaches = world.Reaches[function], to = world.InterruptTo[function];
        PartitionState state = owner == World.None ? PartitionState.Absent : world.Partition[owner].State;
        bool runs = state == PartitionState.Running;
        if (owner != World.None && state == PartitionState.Absent) return $"function {function} belongs to partition {owner}, which is absent";
        if (reaches != (runs ? owner : World.None)) return $"function {function} of partition {owner}, which is {state}, walks the tables of partition {reaches} (3: none)";
        for (int page = 0; page < bounds.Pages && reaches != World.None; page++)
        {
            if (world.Mapped[page] != reaches) continue;
            if (world.Owner[page] != owner) return $"function {function} of partition {owner} (3: nobody) reaches page {page} of partition {world.Owner[page]}";
            if (!runs) return $"function {function} reaches page {page} of partition {owner}, which is {state}";
        }
        if (to != World.NoCore && (reaches == World.None || world.Core[to].Partition != owner)) return $"function {function} of partition {owner} (3: nobody) can interrupt core {to} of partition {world.Core[to].Partition}";
        if (state == PartitionState.Stopped && world.Soiled[function]) return $"function {function} of a stopped partition was not reset";
        return null;
    }

    private static string? CheckPartition(in World world, int partition, Configuration bounds, bool quiet)
    {
        ref readonly Partition policy = ref world.Partition[partition];
        int cores = 0, pages = 0, comingBack = 0;
        for (int core = 0; core < bounds.Cores; core++)
        {
            if (world.Core[core].Partition != partition) continue;
            cores++;
            if ((world.Core[core].Requests & Request.Stop) != 0 || (Place)world.Place[core] is Place.Scrub or Place.Scrubbed) comingBack++;
        }
        for (int page = 0; page < bounds.Pages; page++)
            if (world.Owner[page] == partition) pages++;
        if (policy.State == PartitionState.Absent) return cores + pages == 0 ? null : $"partition {partition} is absent and owns {cores} cores and {pages} pages";
        if (cores == 0 || pages == 0 || world.Core[policy.BootCore].Partition != partition) return $"partition {partition} lacks cores, pages or its boot core";
        if (policy.CoresOut != comingBack) return $"partition {partition} waits for {policy.CoresOut} cores and {comingBack} are to come back";
        if ((policy.CoresOut != 0) != (policy.State == PartitionState.Stopping)) return $"partition {partition} is {policy.State} with {policy.CoresOut} cores out";
        if (quiet && policy.State is PartitionState.Stopping or PartitionState.Scrubbing) return $"partition {partition} is {policy.State} for ever: no core has anything left to do";
        return null;
    }

    /// <summary>
    /// Falls with every step that a core takes by itself. So such steps come to an end wherever they start, and what
    /// holds in all states without any (see quiet above) is what every started operation ends in.
    /// </summary>
    public static int Rank(in World world)
    {
        int rank = 0;
        for (int partition = 0; partition < World.Partitions; partition++)
            rank += world.Partition[partition].State switch { PartitionState.Stopping => 1000, PartitionState.Scrubbing => 500, _ => 0 };
        for (int core = 0; core < World.Cores; core++)
        {
            if ((world.Core[core].Requests & Request.Stop) != 0) rank += 100;
            // An NMI may be left over for another look after an entry.
            if ((world.Core[core].Requests & (Request.Enter | Request.Sipi)) != 0) rank += 3;
            if (world.Kicked[core]) rank += 3;
            rank += (Place)world.Place[core] switch
            {
                Place.Guest or Place.Settle or Place.Parked => 0,
                Place.Scrub => 90,
                Place.Scrubbed => 80,
                Place.Enter or Place.Clear => 2,
                _ => 1,
            };
        }
        return rank;
    }
}
