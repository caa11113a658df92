using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Model.Explorer;

/// <summary>Marks the machine of one worker thread.</summary>
internal readonly struct Slot0;

/// <inheritdoc cref="Slot0"/>
internal readonly struct Slot1;

/// <summary>
/// Breadth-first through every state that can be reached, level by level, so that a counterexample is a shortest one.
/// </summary>
public sealed class Exploration
{
    internal const uint NoParent = uint.MaxValue;

    private readonly Configuration _bounds;
    private readonly StateSet _states = new();
    private readonly Lock _failureGate = new();
    private Failure? _failure;
    private List<uint> _level = [];
    private int _taken;

    /// <summary>A property that does not hold: in a state, or in a step out of it.</summary>
    internal sealed record Failure(string Property, uint State, bool InStep);

    internal Exploration(Configuration bounds) => _bounds = bounds;

    /// <summary>Explores a node that boots, in the named bounds. For callers that have another assembly's copy of this.</summary>
    public static (string? Violation, string Trace, string Summary) Run(int cores, int pages, int managementCores, int tenantPages, bool longExtents, bool siblings, bool entryReset, int workers, int functions)
    {
        Outcome outcome = new Exploration(new Configuration(cores, pages, managementCores, tenantPages, longExtents, siblings, entryReset, workers, functions)).Run();
        return (outcome.Violation, outcome.Trace, outcome.ToString());
    }

    internal Outcome Run()
    {
        var clock = Stopwatch.StartNew();
        ModelHardware<Slot0>.Configure(_bounds);
        ModelHardware<Slot1>.Configure(_bounds);
        World boot = Boot();
        _states.Add(Packed.Canonical(in boot, _bounds), NoParent, out uint first);
        _level.Add(first);
        if (Properties.Check(in boot, _bounds) is { } broken) _failure = new Failure(broken, first, InStep: false);

        long transitions = 0, tried = 0;
        int depth = 0;
        while (_level.Count != 0 && _failure == null)
        {
            _taken = 0;
            var workers = new List<Worker>();
            for (int i = 0; i < _bounds.Workers; i++) workers.Add(new Worker(this));
            if (workers.Count > 1)
            {
                Worker other = workers[1];
                var thread = new Thread(() => Work<Slot1>(other));
                thread.Start();
                Work<Slot0>(workers[0]);
                thread.Join();
            }
            else
            {
                Work<Slot0>(workers[0]);
            }
            var next = new List<uint>();
            foreach (Worker worker in workers)
            {
                next.AddRange(worker.Found);
                transitions += worker.Transitions;
                tried += worker.Tried;
            }
            _level = next;
            if (_level.Count != 0) depth++;
        }
        string trace = _failure == null ? "" : new Trace(_states, _bounds, boot).Write(_failure);
        return new Outcome(_states.Count, transitions, tried, depth, clock.Elapsed, _states.Bytes, _failure?.Property, trace);
    }

    /// <summary>The monitor has started and makes partition 0; memory holds whatever was there.</summary>
    internal World Boot()
    {
        ref World world = ref ModelHardware<Slot0>.World;
        world = default;
        world.Window = Machine.Nobody;
        for (int core = 0; core < World.Cores; core++)
        {
            world.Core[core] = new Core { ApicId = World.FirstApicId + (uint)core, PhysicalCore = _bounds.PhysicalCore(core), Partition = Machine.Nobody };
            world.Place[core] = (byte)Place.Parked;
            world.Runs[core] = World.None;
        }
        for (int page = 0; page < World.Pages; page++)
        {
            world.Owner[page] = World.None;
            world.Mapped[page] = World.None;
            world.Content[page] = Content.Foreign;
        }
        for (int function = 0; function < World.Functions; function++)
        {
            world.FunctionOwner[function] = World.None;
            world.Reaches[function] = World.None;
            world.InterruptTo[function] = World.NoCore;
            world.Soiled[function] = true;
        }
        ModelHardware<Slot0>.RebuildExtents();
        ModelHardware<Slot0>.Begin(Machine.Management);
        ControlRequest request = default;
        ControlRequests.FillManagement(ref request, _bounds);
        ControlStatus status = ControlPolicy.CreateAt<ModelHardware<Slot0>>(ModelHardware<Slot0>.Machine, Machine.Management, in request, out _);
        if (status != ControlStatus.Ok) throw new InvalidOperationException($"partition 0 was refused: {status}");
        ModelHardware<Slot0>.ReadOwners();
        return world;
    }

    private void Work<TSlot>(Worker worker)
        where TSlot : struct
    {
        const int Batch = 64;
        while (_failure == null)
        {
            int from = Interlocked.Add(ref _taken, Batch) - Batch;
            if (from >= _level.Count) return;
            for (int i = from; i < from + Batch && i < _level.Count; i++)
            {
                worker.State = _level[i];
                World world = _states[worker.State].Unpack(_bounds);
                var visitor = new Collector(worker);
                try
                {
                    worker.Tried += Steps<TSlot>.All(in world, ref visitor);
                }
                catch (Exception panic) when (panic is OverflowException or IndexOutOfRangeException)
                {
                    // In ring 0 a failed check stops the node.
                    Fail(new Failure($"the monitor panics: {panic.Message}", worker.State, InStep: true));
                }
                worker.ForgetRecent();
            }
        }
    }

    /// <summary>One thread's share of a level.</summary>
    private sealed class Worker(Exploration exploration)
    {
        private const int Recent = 64;

        /// <summary>Successors of the present state, as named: many steps lead to the same one.</summary>
        private readonly Packed[] _recent = new Packed[Recent];

        public Exploration Exploration { get; } = exploration;
        public List<uint> Found { get; } = [];
        public uint State { get; set; }
        public long Transitions { get; set; }
        public long Tried { get; set; }

        public bool SeenJustNow(Packed exact)
        {
            ref Packed slot = ref _recent[exact.Hash % Recent];
            if (slot == exact) return true;
            slot = exact;
            return false;
        }

        public void ForgetRecent() => Array.Clear(_recent);
    }

    private readonly struct Collector(Worker worker) : IStepVisitor
    {
        public void Visit(in Step step, in World from, ref World next, string? broken)
        {
            Exploration exploration = worker.Exploration;
            if (broken != null)
            {
                exploration.Fail(new Failure(broken, worker.State, InStep: true));
                return;
            }
            if (next.Bytes.SequenceEqual(from.Bytes)) return;
            worker.Transitions++;
            if (worker.SeenJustNow(Packed.Exact(in next))) return;
            if (!exploration._states.Add(Packed.Canonical(in next, exploration._bounds), worker.State, out uint number)) return;
            worker.Found.Add(number);
            if (Properties.Check(in next, exploration._bounds) is { } property) exploration.Fail(new Failure(property, number, InStep: false));
        }
    }

    private void Fail(Failure failure)
    {
        lock (_failureGate) _failure ??= failure;
    }
}
