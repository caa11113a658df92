using System;
using System.Numerics;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Model.Explorer;

/// <summary>Gets every transition out of a state.</summary>
internal interface IStepVisitor
{
    /// <param name="next">The state after the step; may be overwritten.</param>
    /// <param name="broken">A property that the step itself broke, or null.</param>
    void Visit(in Step step, in World from, ref World next, string? broken);
}

/// <summary>
/// The transition relation: what guests, partition 0 and cores can do, each step as atomic as the monitor's locks make it.
/// <para>
/// Four abstractions, each only adding behaviour: a guest may report a panic any number of times;
/// a guest's own interrupts are always pending while it runs (it can hold them with interrupts off, and raise them with
/// the self-IPI register without an exit); a core in guest mode that another core kicked may still act as a guest (the
/// NMI is on its way); free pages hold the worst a page can hold.
/// </para>
/// <para>
/// Taking the kick word and taking the lock are one step here, two in CoreLoop. A kick that falls between them causes a
/// second look at the requests when there is none. <see cref="Properties"/> proves in every state that such a look
/// changes nothing, so the states in between need not be kept.
/// </para>
/// <para>
/// Probe requests, causes, entry states and vectors are data that no decision reads: they have one value here, and the
/// unit suite checks that they arrive. For the probe bit, which lies among the requests, every look at requests is done
/// twice, with and without it, and must come out the same.
/// </para>
/// </summary>
internal static class Steps<TSlot>
    where TSlot : struct
{
    private const uint GuestRequests = Request.Init | Request.Sipi | Request.Nmi;

    private static readonly StopCause[] s_causes = [StopCause.Reset, StopCause.PowerOff, StopCause.TripleFault, StopCause.MemoryViolation];
    private static ControlRequest s_request;

    /// <summary>Visits all steps; returns how many were tried. The worker's machine must be configured.</summary>
    public static int All<TVisitor>(in World from, ref TVisitor visitor)
        where TVisitor : struct, IStepVisitor
    {
        ModelHardware<TSlot>.World = from;
        ModelHardware<TSlot>.RebuildExtents();
        World start = ModelHardware<TSlot>.World;
        int tried = 0;
        for (int core = 0; core < ModelHardware<TSlot>.Bounds.Cores; core++)
        {
            tried += Own(core, in start, ref visitor);
            if (start.Place[core] != (byte)Place.Guest) continue;
            tried += Guest(core, in start, ref visitor);
            if (start.Core[core].Partition == Machine.Management) tried += Control(core, in start, ref visitor);
        }
        for (int function = 0; function < ModelHardware<TSlot>.Bounds.Functions; function++) tried += Device(function, in start, ref visitor);
        return tried;
    }

    /// <summary>What a function does by itself, at any time: nothing keeps a device from what its entries let it do.</summary>
    private static int Device<TVisitor>(int function, in World from, ref TVisitor visitor)
        where TVisitor : struct, IStepVisitor
    {
        int owner = from.FunctionOwner[function], target = from.InterruptTo[function];
        if (target != World.NoCore)
        {
            ref World interrupted = ref Begin(in from, from.Reaches[function]);
            ModelHardware<TSlot>.Raise(target);
            visitor.Visit(new Step(StepKind.Interrupt, target, (ulong)function), in from, ref interrupted, null);
        }
        ref World world = ref Begin(in from, owner);
        DevicePolicy.Refused<ModelHardware<TSlot>>(ModelHardware<TSlot>.Machine, ModelHardware<TSlot>.AddressOf(function));
        string? broken = ModelHardware<TSlot>.Broken ?? (owner == World.None ? null : TouchesOthers(in from, owner));
        if (owner is World.None or Machine.Management && ModelHardware<TSlot>.Touched != 0) broken ??= "a refused access of nobody's function, or of partition 0's, stops somebody";
        world.Forget();
        visitor.Visit(new Step(StepKind.Refused, 0, (ulong)function), in from, ref world, broken);
        return target == World.NoCore ? 1 : 2;
    }

    private static ref World Begin(in World from, int raiser)
    {
        ModelHardware<TSlot>.World = from;
        ModelHardware<TSlot>.Begin(raiser);
        return ref ModelHardware<TSlot>.World;
    }

    /// <summary>What the core does by itself: one of these at most.</summary>
    private static int Own<TVisitor>(int core, in World from, ref TVisitor visitor)
        where TVisitor : struct, IStepVisitor
    {
        var place = (Place)from.Place[core];
        if (!Properties.CanStep(in from, core)) return 0;
        int partition = from.Core[core].Partition;
        ref World world = ref Begin(in from, partition);
        string? broken = null;
        Step step;
        switch (place)
        {
            case Place.Guest or Place.Settle or Place.Parked:
                return ActEitherWay(core, in from, ref visitor);
            case Place.Enter:
                step = new Step(StepKind.Enter, core, 0);
                if (ModelHardware<TSlot>.Bounds.EntryReset) world.Pending[core] = 0;
                world.Pending[core] |= World.Own;
                world.Runs[core] = (byte)partition;
                if (world.Registers[core] == Registers.Clean) world.Registers[core] = Registers.OwnRun;
                world.Place[core] = (byte)Place.Guest;
                break;
            case Place.Scrub:
                step = new Step(StepKind.ScrubCore, core, 0);
                world.Registers[core] = Registers.Clean;
                world.Runs[core] = World.None;
                world.Pending[core] = 0;
                world.Place[core] = (byte)Place.Scrubbed;
                break;
            case Place.Scrubbed:
                step = new Step(StepKind.CoreIsBack, core, 0);
                Lifecycle.CoreIsBack<ModelHardware<TSlot>>(ModelHardware<TSlot>.Machine, core);
                world.Place[core] = (byte)Place.Parked;
                break;
            case Place.Clear:
                step = new Step(StepKind.ClearMemory, core, 0);
                for (int page = 0; page < World.Pages; page++)
                    if (world.Owner[page] == partition) world.Content[page] = Content.Clean;
                // Hardware/FunctionReset.cs, before the memory is cleared.
                for (int function = 0; function < ModelHardware<TSlot>.Bounds.Functions; function++)
                    if (world.FunctionOwner[function] == partition) world.Soiled[function] = false;
                world.Place[core] = (byte)Place.Cleared;
                break;
            case Place.Cleared:
                step = new Step(StepKind.MemoryIsClean, core, 0);
                Lifecycle.MemoryIsClean<ModelHardware<TSlot>>(ModelHardware<TSlot>.Machine, partition);
                world.Place[core] = (byte)Place.Parked;
                if (partition == Machine.Management) Restart(ref world);
                break;
            default:
                int target = place - Place.SendTo;
                step = new Step(StepKind.Send, core, (ulong)target);
                ModelHardware<TSlot>.Raise(target);
                world.Place[core] = (byte)Place.Guest;
                break;
        }
        Visit(in step, in from, ref world, broken, ref visitor);
        return 1;
    }

    /// <summary>Whether the guest may take an NMI just then is the guest's own doing: both are tried where one waits.</summary>
    private static int ActEitherWay<TVisitor>(int core, in World from, ref TVisitor visitor)
        where TVisitor : struct, IStepVisitor
    {
        int ways = (from.Core[core].Requests & Request.Nmi) != 0 ? 2 : 1;
        for (int way = 0; way < ways; way++)
        {
            ref World world = ref Begin(in from, from.Core[core].Partition);
            string? broken = null;
            Step step = Act(core, mayTakeNmi: way == 0, ref world, ref broken);
            Visit(in step, in from, ref world, broken, ref visitor);
        }
        return ways;
    }

    private static void Visit<TVisitor>(in Step step, in World from, ref World world, string? broken, ref TVisitor visitor)
        where TVisitor : struct, IStepVisitor
    {
        broken ??= ModelHardware<TSlot>.Broken;
        world.Forget();
        if (Properties.Rank(in world) >= Properties.Rank(in from)) broken ??= "the core's step brings no stop or start nearer to its end";
        visitor.Visit(in step, in from, ref world, broken);
    }

    private static Step Act(int core, bool mayTakeNmi, ref World world, ref string? broken)
    {
        world.Kicked[core] = false;
        uint requests = world.Core[core].Requests;
        World probed = world;
        probed.Core[core].Requests |= Request.Probe;
        CoreAction action = Lifecycle.Next(ModelHardware<TSlot>.Machine, core, mayTakeNmi);
        ushort window = world.Window;
        if (Lifecycle.Next(new Machine(probed.Core, probed.Partition, default, default, default, new Span<ushort>(ref window)), core, mayTakeNmi) != action || !probed.Bytes.SequenceEqual(world.Bytes))
            broken = $"a probe changes what core {core} does";
        bool foreign = world.RequestIsForeign[core];
        // An NMI that came too early waits for the end of the guest's handler (StepKind.Iret), or for the entry.
        bool waits = (world.Core[core].Requests & Request.Nmi) != 0;
        if ((requests & Request.Nmi) != 0 && !waits && action is CoreAction.Resume or CoreAction.EnterStart or CoreAction.EnterSipi) broken = $"core {core} loses an NMI";
        world.RequestIsForeign[core] = foreign && waits;
        if (waits && action is CoreAction.EnterStart or CoreAction.EnterSipi) world.Kicked[core] = true;
        world.Place[core] = (byte)(action switch
        {
            CoreAction.Resume or CoreAction.ResumeWithNmi => Place.Guest,
            CoreAction.EnterStart or CoreAction.EnterSipi => Place.Enter,
            CoreAction.ScrubCore => Place.Scrub,
            CoreAction.ScrubMemory => Place.Clear,
            _ => Place.Parked,
        });
        if (foreign && action is CoreAction.ResumeWithNmi or CoreAction.EnterSipi)
            broken = $"core {core} takes an NMI or SIPI that another partition, or a former run, sent";
        return new Step(StepKind.Act, core, (ulong)action);
    }

    /// <summary>Startup.Management.Restart: payload into clean memory, then start; under the same lock.</summary>
    private static void Restart(ref World world)
    {
        world.Partition[Machine.Management].Entry = ControlRequests.Entry;
        Lifecycle.Start<ModelHardware<TSlot>>(ModelHardware<TSlot>.Machine, Machine.Management);
        Started(ref world, Machine.Management);
    }

    private static int Guest<TVisitor>(int core, in World from, ref TVisitor visitor)
        where TVisitor : struct, IStepVisitor
    {
        int partition = from.Core[core].Partition;
        foreach (ulong value in IcrAlphabet.Values)
        {
            ref World world = ref Begin(in from, partition);
            Send(core, value, in from, ref world);
            string? broken = ModelHardware<TSlot>.Broken ?? TouchesOthers(in from, partition);
            Settle(core, in from, ref world);
            visitor.Visit(new Step(StepKind.Icr, core, value), in from, ref world, broken);
        }
        foreach (StopCause cause in s_causes)
        {
            ref World world = ref Begin(in from, partition);
            Lifecycle.Stop<ModelHardware<TSlot>>(ModelHardware<TSlot>.Machine, partition, cause);
            string? broken = ModelHardware<TSlot>.Broken ?? TouchesOthers(in from, partition);
            Settle(core, in from, ref world);
            visitor.Visit(new Step(StepKind.Stop, core, (ulong)cause), in from, ref world, broken);
        }
        {
            ref World world = ref Begin(in from, partition);
            Lifecycle.Panicked<ModelHardware<TSlot>>(ModelHardware<TSlot>.Machine, partition, core);
            string? broken = ModelHardware<TSlot>.Broken ?? TouchesOthers(in from, partition);
            Settle(core, in from, ref world);
            visitor.Visit(new Step(StepKind.Panic, core, 0), in from, ref world, broken);
        }
        if (Properties.AwaitsIret(in from, core))
        {
            ref World world = ref Begin(in from, partition);
            world.Kicked[core] = true;
            visitor.Visit(new Step(StepKind.Iret, core, 0), in from, ref world, null);
        }
        int pins = partition == Machine.Management ? 0 : World.Cores;
        for (int target = 0; target < pins; target++)
        {
            // The tenant holds its devices' lock only (Hardware/GuestDevices.cs): the send comes later.
            ref World world = ref Begin(in from, partition);
            ModelHardware<TSlot>.HoldsBack = true;
            ModelHardware<TSlot>.RaisePin(partition, target);
            HoldBack(core, ModelHardware<TSlot>.HeldBack, ref world);
            string? broken = ModelHardware<TSlot>.Broken ?? TouchesOthers(in from, partition);
            visitor.Visit(new Step(StepKind.Pin, core, (ulong)target), in from, ref world, broken);
        }
        return IcrAlphabet.Values.Length + s_causes.Length + 2 + pins + Messages(core, partition, in from, ref visitor);
    }

    private static int Messages<TVisitor>(int core, int partition, in World from, ref TVisitor visitor)
        where TVisitor : struct, IStepVisitor
    {
        int tried = 0;
        for (int function = 0; function < ModelHardware<TSlot>.Bounds.Functions; function++)
        {
            for (int target = 0; from.FunctionOwner[function] == partition && target < ModelHardware<TSlot>.Bounds.Cores; target++, tried++)
            {
                ref World world = ref Begin(in from, partition);
                ModelHardware<TSlot>.WriteMessage(function, target);
                visitor.Visit(new Step(StepKind.Message, core, (ulong)(function << 8 | target)), in from, ref world, ModelHardware<TSlot>.Broken);
            }
        }
        return tried;
    }

    /// <summary>After an exit: a core that its own step kicked looks at its requests before the guest goes on.</summary>
    private static void Settle(int core, in World from, ref World world)
    {
        bool byItself = (ModelHardware<TSlot>.Touched & (1u << core)) != 0 && world.Kicked[core];
        world.Forget();
        if (byItself && world.Kicked[core] && world.Place[core] == (byte)Place.Guest) world.Place[core] = (byte)Place.Settle;
    }

    /// <summary>As ExitHandler does: the unlocked path for plain fixed interrupts that may reach their target, else the locked one.</summary>
    private static void Send(int core, ulong value, in World from, ref World world)
    {
        if (IcrPolicy.IsPlainFixed(value))
        {
            int target = ModelHardware<TSlot>.Machine.FindCore((uint)(value >> 32));
            if (target >= 0 && IcrPolicy.MayReach(in world.Core[core], in world.Core[target]))
            {
                ModelHardware<TSlot>.Touched = 1u << target;
                HoldBack(core, target, ref world);
                return;
            }
        }
        IcrPolicy.Write<ModelHardware<TSlot>>(ModelHardware<TSlot>.Machine, core, value);
        for (int i = 0; i < ModelHardware<TSlot>.Bounds.Cores; i++)
        {
            uint added = world.Core[i].Requests & ~from.Core[i].Requests & GuestRequests;
            if (added != 0 && world.Core[i].Partition != from.Core[core].Partition) world.RequestIsForeign[i] = true;
        }
    }

    private static void HoldBack(int core, int target, ref World world)
    {
        if (target < 0) return;
        // To itself there is nobody to race with: the core is here.
        if (target == core) ModelHardware<TSlot>.Raise(core);
        else world.Place[core] = (byte)((int)Place.SendTo + target);
    }

    private static string? TouchesOthers(in World from, int partition)
    {
        for (uint left = ModelHardware<TSlot>.Touched; left != 0; left &= left - 1)
        {
            int core = BitOperations.TrailingZeroCount(left);
            if (from.Core[core].Partition != partition) return $"a guest of partition {partition} reaches core {core} of partition {from.Core[core].Partition}";
        }
        return null;
    }

    private static int Control<TVisitor>(int core, in World from, ref TVisitor visitor)
        where TVisitor : struct, IStepVisitor
    {
        foreach ((ControlOperation operation, uint detail) in ControlRequests.Plain) Ask(core, operation, detail, in from, ref visitor);
        Span<uint> creates = stackalloc uint[640];
        int count = ControlRequests.Creates(in from, ModelHardware<TSlot>.Bounds, creates);
        foreach (uint detail in creates[..count]) Ask(core, ControlOperation.Create, detail, in from, ref visitor);
        return ControlRequests.Plain.Length + count;
    }

    private static void Ask<TVisitor>(int core, ControlOperation operation, uint detail, in World from, ref TVisitor visitor)
        where TVisitor : struct, IStepVisitor
    {
        ref World world = ref Begin(in from, Machine.Management);
        ControlRequests.Fill(ref s_request, operation, detail, in from, ModelHardware<TSlot>.Bounds);
        ModelHardware<TSlot>.TablesRunOut = ControlRequests.RunsOutOfTables(operation, detail);
        ModelHardware<TSlot>.ConsoleTarget = ControlRequests.ConsoleTarget(detail);
        ControlStatus status = ControlPolicy.Execute<ModelHardware<TSlot>>(ModelHardware<TSlot>.Machine, (uint)operation, in s_request, out _);
        var step = new Step(StepKind.Control, core, (ulong)operation, detail, status);
        int partition = (int)ControlRequests.PartitionOf(detail);
        if (status == ControlStatus.Ok && operation == ControlOperation.Start) Started(ref world, partition);
        if (operation is ControlOperation.Create or ControlOperation.Destroy) ModelHardware<TSlot>.ReadOwners();
        if (status == ControlStatus.Ok && operation == ControlOperation.Destroy) Destroyed(partition, in from, ref world);
        string? broken = ModelHardware<TSlot>.Broken;
        if (status == ControlStatus.Ok && operation == ControlOperation.Create && world.Partition[partition].CoreCount != CoresOf(in world, partition))
            broken ??= "the new partition's number of cores is not the number of cores it owns";
        for (int i = 0; i < World.Cores; i++)
        {
            ushort before = from.Core[i].Partition, after = world.Core[i].Partition;
            if (before != after && before != Machine.Nobody && after != Machine.Nobody) broken ??= $"core {i} has two owners, partitions {before} and {after}";
        }
        if (status != ControlStatus.Ok && (ModelHardware<TSlot>.Calls != 0 || !world.Bytes.SequenceEqual(from.Bytes))) broken ??= "the refused operation changed something";
        Settle(core, in from, ref world);
        visitor.Visit(in step, in from, ref world, broken);
        if (status == ControlStatus.Ok && operation is ControlOperation.Create or ControlOperation.Destroy)
        {
            ModelHardware<TSlot>.World = from;
            ModelHardware<TSlot>.RebuildExtents();
        }
    }

    private static int CoresOf(in World world, int partition)
    {
        int count = 0;
        for (int core = 0; core < World.Cores; core++)
            if (world.Core[core].Partition == partition) count++;
        return count;
    }

    /// <summary>A new run begins: whatever the last one left behind is foreign from now on.</summary>
    private static void Started(ref World world, int partition)
    {
        for (int core = 0; core < World.Cores; core++)
        {
            if (world.Core[core].Partition != partition) continue;
            Disown(ref world, core);
        }
        for (int page = 0; page < World.Pages; page++)
            if (world.Owner[page] == partition) world.Content[page] = world.Content[page] == Content.Clean ? Content.Secret : Content.Foreign;
    }

    private static void Destroyed(int partition, in World from, ref World world)
    {
        for (int core = 0; core < World.Cores; core++)
            if (from.Core[core].Partition == partition) Disown(ref world, core);
        for (int page = 0; page < World.Pages; page++)
            if (from.Owner[page] == partition) world.Content[page] = Content.Foreign;
    }

    private static void Disown(ref World world, int core)
    {
        if ((world.Pending[core] & World.Own) != 0) world.Pending[core] = World.Foreign;
        if (world.Registers[core] == Registers.OwnRun) world.Registers[core] = Registers.Foreign;
        world.RequestIsForeign[core] = (world.Core[core].Requests & GuestRequests) != 0;
    }
}
