namespace Osv.Promela;

/// <summary>A fault of the model's devices that somebody could make.</summary>
/// <param name="Text">Stands in the file exactly once.</param>
internal sealed record DeviceFault(string Name, string File, string Text, string Faulty)
{
    private const string Lifecycle = "lifecycle.pml", Control = "control.pml", Create = "create.pml";

    public static readonly IReadOnlyList<DeviceFault> All =
    [
        new("Functions go on while their partition is being stopped", Lifecycle, "detach_functions(partition);", ""),
        new("Functions are attached when a partition is made", Create, "give(who)\n", "give(who); attach_functions(who)\n"),
        new("Functions are attached before the start, when the window opens", Control, "window = detail & 3;", "window = detail & 3; attach_functions(window);"),
        new("A partition starts without its functions", Lifecycle, "attach_functions(partition);", ""),
        new("A function is not reset", Lifecycle, "reset_functions(core_partition[core]);", ""),
        new("The reset is of partition 0's functions", Lifecycle, "reset_functions(core_partition[core]);", "reset_functions(0);"),
        new("A destroyed partition keeps its functions", Control, "release_functions(partition);", ""),
        new("The functions of the wrong owner are released", Control, "release_functions(partition);", "release_functions(0);"),
        new("A refused creation keeps its functions", Create, "release_functions(who);", ""),
        new("A function can be had that partition 0 has", Create, "&& function_owner[i] != NOBODY", "&& function_owner[i] != NOBODY && function_owner[i] != 0"),
        new("A function walks partition 0's tables", ModelMutant.Devices, "reaches[i] = partition;", "reaches[i] = 0;"),
        new("A detached function still interrupts", ModelMutant.Devices, "reaches[i] = NOBODY;\n            interrupt_to[i] = NO_TARGET;", "reaches[i] = NOBODY;"),
        new("A detached function still reaches memory", ModelMutant.Devices, "reaches[i] = NOBODY;", ""),
        new("A message may name any core", ModelMutant.Devices, "(core_partition[target] == function_owner[function] -> target : NO_TARGET)", "target"),
        new("A message of a guest that is being stopped counts", ModelMutant.Devices, ":: reaches[function] == NOBODY\n", ":: false\n"),
        new("A refused access of a tenant stops partition 0", ModelMutant.Devices, "-> stop(who)", "-> stop(0)"),
    ];

    public void Apply(Spin spin)
    {
        string path = Path.Combine(spin.Folder, File), text = System.IO.File.ReadAllText(path);
        (text.Split(Text).Length - 1).ShouldBe(1, Name);
        System.IO.File.WriteAllText(path, text.Replace(Text, Faulty, StringComparison.Ordinal));
    }
}
