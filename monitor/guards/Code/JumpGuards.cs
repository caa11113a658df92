namespace Osv.Monitor.Guards.Code;

/// <summary>
/// Indirect branches. Calls: none. Jumps: only a switch whose index is limited in front of it, whose table is constant and whose
/// targets all lie in the routine, so that it can go nowhere else; and none where an exit is answered without the slow path.
/// ilc knows neither retpolines nor IBT: what a guest has taught the predictor is for the slow path to forget (docs/adr/0005-indirect-branches.md).
/// </summary>
public static class JumpGuards
{
    private const string ExitEntry = "monitor_exit";

    /// <summary>Where the slow path of an exit begins, by the names ilc gives.</summary>
    private static readonly string[] SlowPath = ["Osv_Monitor_Osv_Monitor_Exits_ExitHandler__Dispatch", "Osv_Monitor_Osv_Monitor_Exits_MsrExit__WriteIcr", "Osv_Monitor_Osv_Monitor_Exits_CoreLoop__Settle"];

    public static IReadOnlyList<Finding> Check(CodeMap code)
    {
        List<Finding> findings = [];
        foreach (Routine routine in code.Routines)
        {
            for (int place = 0; place < routine.Instructions.Count; place++)
            {
                Instruction instruction = routine.Instructions[place];
                if (!instruction.IsIndirect) continue;
                if (instruction.IsCall) findings.Add(new Finding(routine.Shown, "NoIndirectCall", $"{instruction} calls through a register or table (a virtual, interface or delegate call), which a guest can mislead and the stack bound cannot follow; use a sealed type, a static abstract interface member or a switch"));
                else if (JumpTable.Read(code, routine, place).Problem is { } problem) findings.Add(new Finding(routine.Shown, "IndirectJump", $"{instruction}: {problem}; only a switch over a limited index may jump through a table"));
            }
        }
        findings.AddRange(FastPath(code, ExitEntry));
        return findings;
    }

    /// <param name="code">The image.</param>
    /// <param name="start">Symbol at which exits arrive.</param>
    public static IEnumerable<Finding> FastPath(CodeMap code, string start)
    {
        Routine entry = code.Named(start);
        HashSet<Routine> seen = [entry];
        Queue<Routine> waiting = new([entry]);
        while (waiting.TryDequeue(out Routine? routine))
        {
            foreach (int place in ControlFlow.Reachable(code, routine))
            {
                Instruction instruction = routine.Instructions[place];
                if (instruction is { IsIndirect: true, IsJump: true })
                    yield return new Finding(routine.Shown, "FastPathJump", "a switch in the fast path of an exit jumps through a table before anything protects the branch predictor; use if, or move it behind Dispatch, WriteIcr or Settle (and keep those from being inlined)");
                IEnumerable<ulong> reached = ControlFlow.Leaves(routine, place);
                if (instruction is { IsCall: true, Target: { } called }) reached = reached.Append(called);
                foreach (ulong address in reached)
                    if (code.At(address) is { } next && !SlowPath.Contains(next.Name) && seen.Add(next)) waiting.Enqueue(next);
            }
        }
    }
}
