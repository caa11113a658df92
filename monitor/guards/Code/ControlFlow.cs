namespace Osv.Monitor.Guards.Code;

/// <summary>Where a function goes from each instruction, and where it leaves to.</summary>
internal static class ControlFlow
{
    /// <summary>Places inside the function that may come next.</summary>
    public static IEnumerable<int> Next(CodeMap code, Routine routine, int place)
    {
        Instruction instruction = routine.Instructions[place];
        if (instruction.EndsHere) yield break;
        if (instruction.IsJump && instruction.IsIndirect)
        {
            foreach (ulong target in JumpTable.Read(code, routine, place).Targets)
                if (routine.Place(target) is { } inside) yield return inside;
            yield break;
        }
        if ((instruction.IsJump || instruction.IsConditionalJump) && instruction.Target is { } jump && routine.Place(jump) is { } there) yield return there;
        if (!instruction.IsJump && place + 1 < routine.Instructions.Count) yield return place + 1;
    }

    /// <summary>Every place that can be reached from where the function is entered; what is left is padding.</summary>
    public static HashSet<int> Reachable(CodeMap code, Routine routine)
    {
        HashSet<int> seen = [.. CodeMap.Entries(routine)];
        Queue<int> waiting = new(seen);
        while (waiting.TryDequeue(out int place))
            foreach (int next in Next(code, routine, place))
                if (seen.Add(next)) waiting.Enqueue(next);
        return seen;
    }

    /// <summary>Addresses outside the function that the instruction jumps to or falls into; calls are not among them.</summary>
    public static IEnumerable<ulong> Leaves(Routine routine, int place)
    {
        Instruction instruction = routine.Instructions[place];
        if (instruction.EndsHere || instruction.IsIndirect && instruction.IsJump) yield break;
        if ((instruction.IsJump || instruction.IsConditionalJump) && instruction.Target is { } jump && routine.Place(jump) is null) yield return jump;
        if (!instruction.IsJump && place + 1 == routine.Instructions.Count) yield return routine.End;
    }
}
