using ArchUnitNET.Domain;
using ArchUnitNET.Domain.Extensions;
using ArchUnitNET.Loader;
using Osv.Contracts.ControlDevice;
using Osv.Data;
using Osv.Placement;
using Osv.Scheduler;

namespace Osv.Architecture.Tests;

/// <summary>Which of our assemblies may know which.</summary>
public class LayeringTests
{
    private static readonly ArchUnitNET.Domain.Architecture s_architecture = new ArchLoader().LoadAssemblies(typeof(ControlLayout).Assembly, typeof(Planner).Assembly).Build();

    [Fact]
    public void Placement_depends_on_nothing_but_contracts_and_the_base_library() => Foreign(typeof(Planner), "Osv.Placement", "Osv.Contracts").ShouldBeEmpty();

    [Fact]
    public void Contracts_depend_on_nothing_of_ours_and_on_the_base_library_only() => Foreign(typeof(ControlLayout), "Osv.Contracts").ShouldBeEmpty();

    [Fact]
    public void The_scheduler_depends_on_data_placement_and_contracts_and_none_of_them_on_it()
    {
        Ours(typeof(SchedulerServices)).ShouldBeSubsetOf(["Osv.Contracts", "Osv.Data", "Osv.Placement"]);
        foreach (System.Type below in new[] { typeof(OsvDbContext), typeof(Planner), typeof(ControlLayout) }) Ours(below).ShouldNotContain("Osv.Scheduler");
    }

    /// <summary>Our assemblies that an assembly refers to.</summary>
    private static string[] Ours(System.Type inside) =>
        [.. inside.Assembly.GetReferencedAssemblies().Select(reference => reference.Name!).Where(name => name.StartsWith("Osv.", StringComparison.Ordinal))];

    /// <summary>Uses of types from outside the base library and the assemblies named, as "user -> used".</summary>
    private static List<string> Foreign(System.Type inside, params string[] allowed)
    {
        string assembly = inside.Assembly.GetName().Name!;
        List<IType> types = [.. s_architecture.Types.Where(type => AssemblyOf(type) == assembly)];
        types.ShouldNotBeEmpty();
        return
        [
            .. types.SelectMany(type => type.Dependencies)
                .Where(dependency => !IsBaseLibrary(dependency.Target) && !allowed.Contains(AssemblyOf(dependency.Target)))
                .Select(dependency => $"{dependency.Origin.FullName} -> {dependency.Target.FullName} ({AssemblyOf(dependency.Target)})")
                .Distinct(),
        ];
    }

    private static bool IsBaseLibrary(IType type) => AssemblyOf(type) is "System.Private.CoreLib" || AssemblyOf(type).StartsWith("System.", StringComparison.Ordinal);

    private static string AssemblyOf(IType type) => type.Assembly.Name.Split(',')[0];
}
