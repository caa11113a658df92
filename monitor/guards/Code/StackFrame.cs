namespace Osv.Monitor.Guards.Code;

/// <summary>What one function does with the stack pointer.</summary>
/// <param name="Depth">The most it takes itself, in bytes, without its return address.</param>
/// <param name="Calls">Depth at which each function is called or jumped to; a call's return address is included.</param>
/// <param name="Findings">Where the pointer cannot be followed, or memory below it is used.</param>
internal sealed record StackFrame(long Depth, IReadOnlyList<(long Depth, ulong Target)> Calls, IReadOnlyList<Finding> Findings)
{
    /// <summary>A loop that takes stack each time round changes the depth at its head more often than any branch can.</summary>
    private const int MaxVisits = 64;

    private readonly record struct State(long Depth, long? FramePointer);

    public static StackFrame Read(CodeMap code, Routine routine)
    {
        var states = new Dictionary<int, State>();
        var visits = new Dictionary<int, int>();
        var findings = new Dictionary<string, Finding>(StringComparer.Ordinal);
        var waiting = new Queue<int>();
        foreach (int entry in CodeMap.Entries(routine))
        {
            states[entry] = new State(0, null);
            waiting.Enqueue(entry);
        }
        while (waiting.TryDequeue(out int place))
        {
            Instruction instruction = routine.Instructions[place];
            State before = states[place];
            if (UsesRedZone(instruction, before))
                findings["red"] = new Finding(routine.Shown, "NoRedZone", $"{instruction} at {instruction.Address:x} uses memory below the stack pointer, which an interrupt overwrites; move the pointer first");
            if (After(routine, instruction, before) is not { } after)
            {
                findings["unknown"] = new Finding(routine.Shown, "StackBound", $"{instruction} at {instruction.Address:x} moves the stack pointer by an amount nobody knows; give stackalloc a constant size below 4096 bytes, and in assembly use push, pop, add and sub");
                continue;
            }
            foreach (int next in ControlFlow.Next(code, routine, place))
            {
                State merged = states.TryGetValue(next, out State known)
                    ? new State(Math.Max(known.Depth, after.Depth), known.FramePointer == after.FramePointer ? known.FramePointer : null)
                    : after;
                if (states.ContainsKey(next) && merged == known) continue;
                visits[next] = visits.GetValueOrDefault(next) + 1;
                if (visits[next] > MaxVisits)
                {
                    findings["loop"] = new Finding(routine.Shown, "StackBound", "the stack grows with each turn of a loop; take stackalloc out of loops and give it a constant size below 4096 bytes");
                    continue;
                }
                states[next] = merged;
                waiting.Enqueue(next);
            }
        }
        return new StackFrame(states.Values.Max(state => state.Depth), [.. CallsOf(routine, states)], [.. findings.Values]);
    }

    private static IEnumerable<(long, ulong)> CallsOf(Routine routine, Dictionary<int, State> states)
    {
        foreach ((int place, State state) in states)
        {
            Instruction instruction = routine.Instructions[place];
            if (instruction is { IsCall: true, Target: { } called }) yield return (state.Depth + 8, called);
            foreach (ulong left in ControlFlow.Leaves(routine, place)) yield return (state.Depth, left);
        }
    }

    private static State? After(Routine routine, Instruction instruction, State before)
    {
        string destination = instruction.Destination;
        string source = instruction.Operands.Count == 2 ? instruction.Operands[0] : "";
        long value;
        switch (instruction.Mnemonic)
        {
            case "push" or "pushq" or "pushf" or "pushfq":
                return before with { Depth = before.Depth + 8 };
            case "pop" or "popq" or "popf" or "popfq":
                return new State(before.Depth - 8, destination == "%rbp" ? null : before.FramePointer);
            case "leave" or "leaveq":
                return before.FramePointer is { } frame ? new State(frame - 8, null) : null;
            case "sub" when destination == "%rsp" && Operand.IsImmediate(source, out value):
                return before with { Depth = before.Depth + value };
            case "add" when destination == "%rsp" && Operand.IsImmediate(source, out value):
                return before with { Depth = before.Depth - value };
            case "and" when destination == "%rsp" && Operand.IsImmediate(source, out value) && value < 0:
                return before with { Depth = before.Depth + ~value };
            case "lea" when destination == "%rsp" && Operand.IsBased(source, "%rsp", out value):
                return before with { Depth = before.Depth - value };
            case "lea" when destination == "%rsp" && Operand.IsBased(source, "%rbp", out value) && before.FramePointer is not null:
                return before with { Depth = before.FramePointer.Value - value };
            case "lea" when destination == "%rbp" && Operand.IsBased(source, "%rsp", out value):
                return before with { FramePointer = before.Depth - value };
            case "mov" when destination == "%rbp" && source == "%rsp":
                return before with { FramePointer = before.Depth };
            case "mov" when destination == "%rsp" && source == "%rbp" && before.FramePointer is not null:
                return before with { Depth = before.FramePointer.Value };
            case "mov" or "movabs" or "lea" when destination == "%rsp" && routine.IsBoot:
                return new State(0, null);
        }
        if (instruction.IsCall || instruction.IsJump || instruction.OnlyReads) return before;
        if (destination is "%rsp" or "%esp" or "%sp" || (instruction.Mnemonic == "xchg" && source == "%rsp")) return null;
        return destination == "%rbp" ? before with { FramePointer = null } : before;
    }

    private static bool UsesRedZone(Instruction instruction, State state)
    {
        if (instruction.Mnemonic is "lea" or "nop" or "nopw" or "nopl") return false;
        foreach (string operand in instruction.Operands)
        {
            if (Operand.IsBased(operand, "%rsp", out long above) && above < 0) return true;
            if (state.FramePointer is { } frame && Operand.IsBased(operand, "%rbp", out long from) && frame - from > state.Depth) return true;
        }
        return false;
    }
}
