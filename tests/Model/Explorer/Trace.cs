using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Model.Explorer;

/// <summary>
/// A counterexample in words. States are kept under sorted names, so the path is walked once more from boot, each time
/// taking the step whose result has the sorted form that comes next: names stay what they are throughout.
/// </summary>
internal sealed class Trace(StateSet states, Configuration bounds, World boot)
{
    public string Write(Exploration.Failure failure)
    {
        var path = new Stack<Packed>();
        for (uint number = failure.State; number != Exploration.NoParent; number = states.ParentOf(number)) path.Push(states[number]);
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"violated: {failure.Property}");
        World world = boot;
        text.AppendLine(CultureInfo.InvariantCulture, $"  0. boot, partition 0 is being made{State(in world)}");
        path.Pop();
        int line = 1;
        foreach (Packed target in path)
        {
            var finder = new Finder(bounds, target, null);
            Steps<Slot0>.All(in world, ref finder);
            world = finder.Found;
            text.AppendLine(CultureInfo.InvariantCulture, $"{line++,3}. {finder.Step}{State(in world)}");
        }
        if (failure.InStep)
        {
            var finder = new Finder(bounds, default, failure.Property);
            try
            {
                Steps<Slot0>.All(in world, ref finder);
                text.AppendLine(CultureInfo.InvariantCulture, $"{line,3}. {finder.Step} <- breaks it");
            }
            catch (Exception panic) when (panic is OverflowException or IndexOutOfRangeException)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"{line,3}. the step after this, in the order of Steps.All, panics: {finder.Last}");
            }
        }
        return text.ToString();
    }

    private struct Finder(Configuration bounds, Packed target, string? property) : IStepVisitor
    {
        public World Found;
        public Step Step;
        /// <summary>The last step that came.</summary>
        public Step Last;
        private bool _done;

        public void Visit(in Step step, in World from, ref World next, string? broken)
        {
            Last = step;
            bool wanted = property == null ? broken == null && Packed.Canonical(in next, bounds) == target : broken != null;
            if (_done || !wanted) return;
            _done = true;
            Step = step;
            Found = next;
        }
    }

    private string State(in World world)
    {
        var text = new StringBuilder("\n       ");
        for (int p = 0; p < World.Partitions; p++)
            if (world.Partition[p].State != PartitionState.Absent) text.Append(CultureInfo.InvariantCulture, $" P{p} {world.Partition[p].State}");
        text.Append(" |");
        for (int core = 0; core < bounds.Cores; core++)
        {
            ushort owner = world.Core[core].Partition;
            byte place = world.Place[core];
            text.Append(CultureInfo.InvariantCulture, $" c{core}:{(owner == Machine.Nobody ? "free" : $"P{owner}")}");
            text.Append(place >= (byte)Place.SendTo ? $" sending to c{place - (byte)Place.SendTo}" : $" {(Place)place}");
            if (world.Kicked[core]) text.Append(" kicked");
            if ((world.Pending[core] & World.Foreign) != 0) text.Append(" foreign-interrupt");
        }
        for (int function = 0; function < bounds.Functions; function++)
            text.Append(CultureInfo.InvariantCulture, $" f{function}:{world.FunctionOwner[function]}/{world.Reaches[function]}/c{world.InterruptTo[function]}");
        return text.ToString();
    }
}
