using System.Text.RegularExpressions;
using Osv.Monitor.Guards.Image;

namespace Osv.Monitor.Guards.Code;

/// <summary>Instructions that ring 0 must not have, and those that assembly must not forget.</summary>
public static partial class CodeGuards
{
    private const int VectorRegisters = 16;

    [GeneratedRegex("%[yz]mm|%k[0-7]")] private static partial Regex WideRegister();

    /// <summary>Begin with v and are no vector instructions (APM vol. 3).</summary>
    [GeneratedRegex("^v(mrun|mload|msave|mmcall|mgexit|err|erw)$")] private static partial Regex NotVector();

    [GeneratedRegex("^(mov|add|sub|adc|sbb|and|or|xor|inc|dec|neg|not|xchg|xadd|cmpxchg|sh[lr]|sa[lr]|ro[lr]|set|bt[src]|pop|sto)")] private static partial Regex Stores();

    public static IReadOnlyList<Finding> Check(CodeMap code)
    {
        List<Finding> findings = [];
        ulong constantEnd = code.Image.Address("__bss_start"), imageStart = code.Image.Address("__image_start");
        foreach (Routine routine in code.Routines)
        {
            foreach (Instruction instruction in routine.Instructions)
            {
                if ((instruction.Mnemonic[0] == 'v' && !NotVector().IsMatch(instruction.Mnemonic)) || instruction.Operands.Any(WideRegister().IsMatch))
                    findings.Add(new Finding(routine.Shown, "NoWideVectors", $"{instruction} is an AVX instruction, and exits save XMM registers only; keep --instruction-set:base and write no VEX in assembly"));
                if (!routine.IsBoot && instruction.Operands.Any(operand => operand.Contains("%fs", StringComparison.Ordinal) || operand.Contains("%gs", StringComparison.Ordinal)))
                    findings.Add(new Finding(routine.Shown, "NoThreadLocal", $"{instruction} uses FS or GS, which belong to the guest; keep what a core owns in its CoreBlock"));
                if (!routine.IsBoot && instruction.Refers is { } address && address >= imageStart && address < constantEnd && Operand.IsMemory(instruction.Destination)
                    && Stores().IsMatch(instruction.Mnemonic) && !instruction.OnlyReads)
                    findings.Add(new Finding(routine.Shown, "ReadOnlyData", $"{instruction} writes below __bss_start, which is read-only once the monitor is up; give the static field no initial value and assign it in start-up code"));
            }
            if (WaitsForNothing(code, routine) is { } loop)
                findings.Add(new Finding(routine.Shown, "EndlessWait", $"the loop at {loop:x} waits for something it never reads again, because a plain load was moved out of it; read shared memory with Cpu.Load32 or Cpu.Load64"));
            if (routine.Instructions.Any(instruction => instruction.Mnemonic == "iretq") && routine.Instructions.FirstOrDefault(instruction => instruction.IsCall) is { } call)
                findings.Add(new Finding(routine.Shown, "SavedVectors", $"an interrupt stub that returns makes a call ({call}), and generated code would change XMM registers of what it interrupted; do the work in assembly, or save XMM0-15"));
        }
        findings.AddRange(WorldSwitch(code));
        findings.AddRange(Panic(code));
        return findings;
    }

    /// <summary>
    /// A loop of nothing but comparisons of registers: it ends at once or never. Every such loop is a mistake, but not every load
    /// that was moved out of a loop leaves one behind.
    /// </summary>
    private static ulong? WaitsForNothing(CodeMap code, Routine routine)
    {
        for (int place = 0; place < routine.Instructions.Count; place++)
        {
            Instruction jump = routine.Instructions[place];
            if (!Inert(jump) || jump.Target is not { } target || target > jump.Address || routine.Place(target) is not { } first) continue;
            HashSet<int> seen = [first];
            Queue<int> waiting = new(seen);
            while (waiting.TryDequeue(out int at))
            {
                if (at == place) return target;
                if (!Inert(routine.Instructions[at])) continue;
                foreach (int next in ControlFlow.Next(code, routine, at))
                    if (seen.Add(next)) waiting.Enqueue(next);
            }
        }
        return null;
    }

    private static bool Inert(Instruction instruction) => instruction.Mnemonic.StartsWith("nop", StringComparison.Ordinal) || instruction.Mnemonic == "pause"
        || ((instruction.OnlyReads || instruction.IsConditionalJump || (instruction.IsJump && !instruction.IsIndirect)) && !instruction.Operands.Any(Operand.IsMemory));

    /// <summary>Around VMRUN all 16 XMM registers are loaded before and saved after, ahead of the first call of generated code.</summary>
    private static IEnumerable<Finding> WorldSwitch(CodeMap code)
    {
        ulong exit = code.Image.Address("monitor_exit");
        foreach (Routine routine in code.Routines)
        {
            List<Instruction> all = [.. routine.Instructions];
            int run = all.FindIndex(instruction => instruction.Mnemonic == "vmrun");
            if (run < 0) continue;
            int call = all.FindIndex(run, instruction => instruction.IsCall);
            int loaded = all.Take(run).Where(instruction => instruction.Mnemonic is "movaps" or "movups" && Operand.IsMemory(instruction.Operands[0])).Select(instruction => instruction.Destination).Distinct().Count();
            int saved = call < 0 ? 0 : all.Take(call).Skip(run).Where(instruction => instruction.Mnemonic is "movaps" or "movups" && Operand.IsMemory(instruction.Destination)).Select(instruction => instruction.Operands[0]).Distinct().Count();
            if (call < 0 || all[call].Target != exit || loaded != VectorRegisters || saved != VectorRegisters)
                yield return new Finding(routine.Shown, "SavedVectors", $"{loaded} XMM registers are loaded before VMRUN and {saved} saved after it ahead of monitor_exit, it must be {VectorRegisters} each: generated code uses them, and a guest would see the monitor's values");
        }
    }

    /// <summary>The panic path runs code that can itself panic: whoever enters it a second time must halt before anything else.</summary>
    private static IEnumerable<Finding> Panic(CodeMap code)
    {
        if (code.Routines.FirstOrDefault(routine => routine.Name == StackBound.PanicRoutine) is not { } panic) yield break;
        List<ulong?> calls = [.. panic.Instructions.Where(instruction => instruction.IsCall).Take(2).Select(instruction => instruction.Target)];
        if (calls.Count < 2 || calls[0] != code.Image.Address("asm_exchange32") || calls[1] != code.Image.Address("asm_halt"))
            yield return new Finding(panic.Shown, "PanicReentry", "a panic inside a panic must end at once: let Panic.Because begin with Cpu.Exchange32 on its entered flag and Cpu.Halt when that was set");
    }
}
