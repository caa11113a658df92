using Osv.Model.Explorer;

namespace Osv.Promela;

/// <summary>The shipped policy, driven step by step from boot: by a given trace, at random, or to every state.</summary>
internal sealed class PolicyWalk
{
    private readonly Configuration _bounds;

    public World World { get; private set; }

    public PolicyWalk(Configuration bounds)
    {
        _bounds = bounds;
        ModelHardware<Slot0>.Configure(bounds);
        World = new Exploration(bounds).Boot();
    }

    /// <summary>Takes the step that the model took. Null, or how the outcome differs.</summary>
    public string? Follow(int[] step, int[] state)
    {
        World from = World;
        if (step[0] != Told.Boot)
        {
            var finder = new Finder(step);
            Steps<Slot0>.All(in from, ref finder);
            if (finder.Broken != null) return finder.Broken;
            if (!finder.IsFound) return $"the code cannot take step {Told.Words(step)} in state {Told.Words(Told.State(in from, _bounds))}; it answers: {finder.Near}";
            World = finder.Next;
        }
        int[] mine = Told.State(World, _bounds);
        return mine.SequenceEqual(state) ? null : $"after step {Told.Words(step)}\nfrom  {Told.Words(Told.State(in from, _bounds))}\nmodel {Told.Words(state)}\ncode  {Told.Words(mine)}";
    }

    /// <summary>
    /// Takes a random step. Drawn are first the core, then the kind, then the answer, or most steps would be writes to the
    /// ICR and most requests refused; guests seldom end or are ended, and partition 0 mostly asks. Null: there is no step but of devices, as
    /// all cores of partition 0 wait for a SIPI.
    /// </summary>
    public Step? Random(Random random)
    {
        World from = World;
        var all = new Collector();
        Steps<Slot0>.All(in from, ref all);
        all.Broken.ShouldBeNull();
        if (all.Seen.All(seen => seen.Step.Kind is StepKind.Interrupt or StepKind.Refused)) return null;
        const int RareOneIn = 20;
        bool ends = random.Next(RareOneIn) == 0;
        (Step Step, World Next)[] steps = Draw([.. all.Seen.Where(seen => ends || seen.Step.Kind != StepKind.Refused)], seen => seen.Step.Core);
        if (!ends)
        {
            bool asks = steps.Any(seen => seen.Step.Kind == StepKind.Control);
            steps = [.. steps.Where(seen => seen.Step.Kind is not (StepKind.Stop or StepKind.Panic) && !(asks && seen.Step.Kind == StepKind.Icr))];
        }
        steps = Draw(steps, seen => seen.Step.Kind);
        steps = Draw(steps, seen => (seen.Step.Kind == StepKind.Control ? seen.Step.Value : 0, seen.Step.Status));
        (Step step, World) = steps[random.Next(steps.Length)];
        return step;

        (Step Step, World Next)[] Draw<TKey>(IReadOnlyList<(Step Step, World Next)> from, Func<(Step Step, World Next), TKey> key)
        {
            IGrouping<TKey, (Step, World)>[] groups = [.. from.GroupBy(key)];
            return [.. groups[random.Next(groups.Length)]];
        }
    }

    /// <summary>Number of states that can be reached, those that differ by names only counted each.</summary>
    public static int CountStates(Configuration bounds)
    {
        var walk = new PolicyWalk(bounds);
        var counter = new Counter();
        World boot = walk.World;
        counter.Visit(default, in boot, ref boot, null);
        while (counter.Open.TryPop(out World world)) Steps<Slot0>.All(in world, ref counter);
        return counter.States.Count;
    }

    private struct Finder(int[] step) : IStepVisitor
    {
        public World Next;
        public bool IsFound;
        public string? Broken;
        public string Near = "nothing like it";

        public void Visit(in Step taken, in World from, ref World next, string? broken)
        {
            int[] numbers = Told.Step(in taken);
            if (!numbers.AsSpan(0, 3).SequenceEqual(step.AsSpan(0, 3)) || numbers[4] != step[4]) return;
            // What the core finds in its requests is an outcome, not a choice.
            if (numbers[3] == step[3] && numbers[5] == step[5])
            {
                IsFound = true;
                Next = next;
                Broken = broken;
            }
            else if (taken.Kind != StepKind.Icr)
            {
                Near = Told.Words(numbers);
            }
        }
    }

    private struct Collector() : IStepVisitor
    {
        public readonly List<(Step Step, World Next)> Seen = [];
        public string? Broken;

        public void Visit(in Step step, in World from, ref World next, string? broken)
        {
            Seen.Add((step, next));
            Broken ??= broken;
        }
    }

    private struct Counter() : IStepVisitor
    {
        public readonly HashSet<Packed> States = [];
        public readonly Stack<World> Open = [];

        public readonly void Visit(in Step step, in World from, ref World next, string? broken)
        {
            broken.ShouldBeNull();
            if (States.Add(Packed.Exact(in next))) Open.Push(next);
        }
    }
}
