using System.Globalization;

namespace Osv.Monitor.Guards.Code;

/// <summary>
/// How deep the stack can get, from the instructions that move its pointer and the calls between functions. Recursion has no
/// bound and is refused; the one exception is a panic inside a panic, which halts (see <see cref="CodeGuards"/>).
/// </summary>
public sealed class StackBound
{
    public const string PanicRoutine = "Osv_Monitor_Osv_Monitor_Panic__Because";

    /// <summary>CoreBlock: 16 KiB of stack above the guard page. Margin: room that stays free.</summary>
    private const long CoreStack = 16 << 10, Margin = 2 << 10;

    /// <summary>SS, RSP, RFLAGS, CS, RIP and up to 8 bytes of alignment (APM vol. 2, 8.9.3).</summary>
    private const long InterruptFrame = 48;

    private readonly CodeMap _code;
    private readonly Dictionary<Routine, StackFrame> _frames = [];
    private readonly Dictionary<(Routine, bool), (long Depth, Routine? Next)> _depths = [];
    private readonly HashSet<(Routine, bool)> _open = [];
    private readonly List<Finding> _findings = [];

    private StackBound(CodeMap code) => _code = code;

    public IReadOnlyList<Finding> Findings => _findings;
    public string Summary { get; private set; } = "";

    public static StackBound Compute(CodeMap code)
    {
        var bound = new StackBound(code);
        foreach (Routine routine in code.Routines)
        {
            StackFrame frame = StackFrame.Read(code, routine);
            bound._frames.Add(routine, frame);
            bound._findings.AddRange(frame.Findings);
        }
        long trap = InterruptFrame + bound.Depth(code.Named(CodeMap.TrapEntry), panicking: false);
        long bootStack = (long)(code.Image.Address("boot_stack_top") - code.Image.Address("boot_stack"));
        HashSet<Routine> called = [.. bound._frames.Values.SelectMany(frame => frame.Calls).Select(call => code.At(call.Target)).OfType<Routine>()];
        foreach (Routine root in code.Routines.Where(routine => !called.Contains(routine)))
        {
            long depth = bound.Depth(root, panicking: false) + trap, stack = root.Name == CodeMap.BootEntry ? bootStack : CoreStack;
            if (depth > stack - Margin)
                bound._findings.Add(new Finding(root.Shown, "StackBound", $"the stack can grow to {depth} bytes with a trap on top, and {stack - Margin} of {stack} may be used; make the frames smaller along {bound.Chain(root)}"));
        }
        // Routines that call each other and nobody else calls have no root.
        foreach (Routine routine in code.Routines) bound.Depth(routine, panicking: false);
        long core = bound.Depth(code.Named(CodeMap.CoreEntry), panicking: false), boot = bound.Depth(code.Named(CodeMap.BootEntry), panicking: false);
        bound.Summary = string.Create(CultureInfo.InvariantCulture, $"stack of a core at most {core + trap:N0} of {CoreStack:N0} bytes, of the boot core {boot + trap:N0} of {bootStack:N0}, {trap:N0} of them for a trap");
        return bound;
    }

    private long Depth(Routine routine, bool panicking)
    {
        (Routine, bool) key = (routine, panicking);
        if (_depths.TryGetValue(key, out (long Depth, Routine? Next) known)) return known.Depth;
        if (!_open.Add(key))
        {
            _findings.Add(new Finding(routine.Shown, "NoRecursion", $"{routine.Shown} can call itself ({string.Join(" > ", _open.SkipWhile(open => open != key).Select(open => open.Item1.Shown))}), so its stack has no bound; use a loop"));
            return 0;
        }
        bool inPanic = panicking || routine.Name == PanicRoutine;
        StackFrame frame = _frames[routine];
        (long Depth, Routine? Next) deepest = (frame.Depth, null);
        foreach ((long at, ulong target) in frame.Calls)
        {
            if (_code.At(target) is not { } called) continue;
            // The second entry into a panic halts in its own frame, through one routine without any.
            long depth = at + (panicking && called.Name == PanicRoutine ? _frames[called].Depth + 8 : Depth(called, inPanic));
            if (depth > deepest.Depth) deepest = (depth, called);
        }
        _open.Remove(key);
        _depths[key] = deepest;
        return deepest.Depth;
    }

    private string Chain(Routine root)
    {
        List<string> names = [];
        bool panicking = false;
        for (Routine? at = root; at is not null && _depths.TryGetValue((at, panicking), out (long Depth, Routine? Next) known); at = known.Next)
        {
            names.Add($"{at.Shown} ({_frames[at].Depth})");
            panicking |= at.Name == PanicRoutine;
        }
        return string.Join(" > ", names);
    }
}
