namespace Osv.Monitor.Guards.Image;

/// <summary>What compiled code asks the linker for: a helper of the .NET runtime means that forbidden code got in.</summary>
public static class ObjectGuards
{
    /// <summary>Marks that ilc puts around exported methods, and its last resort: the only helpers assembly may provide.</summary>
    private static readonly string[] Harmless = ["RhpReversePInvoke", "RhpReversePInvokeReturn", "RhpFallbackFailFast"];

    public static IReadOnlyList<Finding> Check(string managed, IReadOnlyList<string> others)
    {
        ElfFile[] objects = [ElfFile.Read(managed), .. others.Select(ElfFile.Read)];
        var defined = objects.SelectMany(file => file.Symbols).Where(symbol => !symbol.IsUndefined).Select(symbol => symbol.Name).ToHashSet(StringComparer.Ordinal);
        // The linker script defines the names that start with two underscores, but for the stack canary.
        IEnumerable<Finding> missing = objects.SelectMany(file => file.Symbols)
            .Where(symbol => symbol.IsUndefined && symbol.Name.Length != 0 && !defined.Contains(symbol.Name) && (symbol.Name == "__security_cookie" || !symbol.Name.StartsWith("__", StringComparison.Ordinal)))
            .Select(symbol => symbol.Name).Distinct().Order(StringComparer.Ordinal)
            .Select(name => new Finding("monitor", "NoRuntimeHelper", $"the code needs {name}, {Meaning(name)}; never stub it"));
        IEnumerable<Finding> stubs = objects.Skip(1).SelectMany(file => file.Symbols)
            .Where(symbol => !symbol.IsUndefined && symbol.Name.StartsWith("Rh", StringComparison.Ordinal) && !Harmless.Contains(symbol.Name))
            .Select(symbol => new Finding("monitor", "NoRuntimeHelper", $"assembly stubs {symbol.Name}, {Meaning(symbol.Name)}; remove the stub and the code that needs it"));
        return [.. missing, .. stubs];
    }

    private static string Meaning(string helper) => helper switch
    {
        "RhpNewFast" or "RhNewObject" or "RhpNewFinalizable" => "which allocates an object: ring 0 has no heap, use a struct or memory taken at start",
        _ when helper.StartsWith("RhpNew", StringComparison.Ordinal) || helper.StartsWith("RhNew", StringComparison.Ordinal) => "which allocates: ring 0 has no heap, use stackalloc or memory taken at start",
        _ when helper.Contains("AssignRef", StringComparison.Ordinal) || helper.Contains("ByRefAssign", StringComparison.Ordinal) => "which stores an object reference for the garbage collector: keep pointers or values, not objects",
        _ when helper.Contains("Throw", StringComparison.Ordinal) => "which throws an exception: return a status, or call Panic.Because",
        _ when helper.Contains("PInvoke", StringComparison.Ordinal) || helper.Contains("GcPoll", StringComparison.Ordinal) || helper.Contains("TrapThreads", StringComparison.Ordinal)
            => "which is a transition of the garbage collector: import assembly routines with InternalCall and RuntimeImport, use no unmanaged function pointers",
        _ when helper.StartsWith("Rh", StringComparison.Ordinal) => "a helper of the .NET runtime, which ring 0 has not: find the construct that asks for it and say it otherwise",
        _ => "which neither assembly nor monitor/Runtime defines: define it there, or remove the code that needs it",
    };
}
