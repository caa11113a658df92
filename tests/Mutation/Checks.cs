using System.Reflection;
using System.Runtime.Loader;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace Osv.Mutation;

/// <summary>The unit tests of the monitor, then the state explorer, over one compiled policy.</summary>
internal static class Checks
{
    private sealed class Variant(byte[] policy) : AssemblyLoadContext(isCollectible: true)
    {
        public Assembly Policy { get; private set; } = null!;

        public Assembly Load()
        {
            Policy = LoadFromStream(new MemoryStream(policy));
            return LoadFromStream(new MemoryStream(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Osv.Monitor.Tests.dll"))));
        }

        protected override Assembly? Load(AssemblyName name) => name.Name == Mutation.Policy.AssemblyName ? Policy : null;
    }

    /// <summary>Name of the check that failed, or null.</summary>
    /// <param name="file">The changed file: its own tests come first.</param>
    public static async Task<string?> RunAsync(byte[] policy, string file)
    {
        var variant = new Variant(policy);
        try
        {
            string own = Path.GetFileNameWithoutExtension(file) + "Tests";
            foreach (Type type in variant.Load().GetExportedTypes().Where(type => type is { IsClass: true, IsAbstract: false }).OrderByDescending(type => type.Name == own))
                if (await RunClassAsync(type) is { } failed) return failed;
            return Explore(variant.Policy);
        }
        finally
        {
            variant.Unload();
        }
    }

    private static async Task<string?> RunClassAsync(Type type)
    {
        foreach (MethodInfo method in type.GetMethods().Where(method => method.GetCustomAttribute<FactAttribute>() is { Skip: null, Explicit: false }))
        {
            await using var disposal = new DisposalTracker();
            List<object?[]> rows = [];
            foreach (IDataAttribute source in method.GetCustomAttributes().OfType<IDataAttribute>()) rows.AddRange(await RowsAsync(type, method, source, disposal));
            if (rows.Count == 0 && method.GetParameters().Length != 0) throw new InvalidOperationException($"{type.Name}.{method.Name} gets no rows: its kind of data is not known here");
            if (method.GetParameters().Length == 0) rows.Add([]);
            foreach (object?[] row in rows)
            {
                try
                {
                    object test = Activator.CreateInstance(type)!;
                    ParameterInfo[] parameters = method.GetParameters();
                    object?[] arguments = [.. parameters.Select((parameter, i) => i < row.Length ? Fit(row[i], parameter.ParameterType) : parameter.DefaultValue)];
                    if (method.Invoke(test, arguments) is Task task) await task;
                    (test as IDisposable)?.Dispose();
                }
                catch (TargetInvocationException)
                {
                    return $"{type.Name}.{method.Name}";
                }
            }
        }
        return null;
    }

    /// <summary>A property of theory data is read here: through its attribute it is empty in a context of its own.</summary>
    private static async Task<IEnumerable<object?[]>> RowsAsync(Type type, MethodInfo method, IDataAttribute source, DisposalTracker disposal)
    {
        if (source is not MemberDataAttribute member) return (await source.GetData(method, disposal)).Select(row => row.GetData());
        PropertyInfo property = type.GetProperty(member.MemberName, BindingFlags.Public | BindingFlags.Static)
            ?? throw new InvalidOperationException($"{type.Name}.{member.MemberName} is not a static property: its kind of data is not known here");
        return ((IEnumerable<ITheoryDataRow>)property.GetValue(null)!).Select(row => row.GetData());
    }

    /// <summary>Attributes hold integers of one size for parameters of another.</summary>
    private static object? Fit(object? value, Type type) =>
        value is IConvertible and not Enum && type is { IsPrimitive: true } && value.GetType() != type ? Convert.ChangeType(value, type, System.Globalization.CultureInfo.InvariantCulture) : value;

    private static string? Explore(Assembly policy)
    {
        MethodInfo run = policy.GetType("Osv.Model.Explorer.Exploration", throwOnError: true)!.GetMethod("Run", BindingFlags.Public | BindingFlags.Static)!;
        try
        {
            // One core of partition 0 and functions, two cores, extents that can overlap in part.
            foreach (object[] bounds in (object[][])[[3, 3, 1, 1, false, false, true, 1, 2], [3, 3, 2, 1, false, false, true, 1, 0], [3, 4, 1, 4, true, false, true, 1, 0]])
            {
                (string? violation, _, _) = ((string?, string, string))run.Invoke(null, bounds)!;
                if (violation != null) return $"explorer: {violation}";
            }
            return null;
        }
        catch (TargetInvocationException failure)
        {
            return $"explorer: {failure.InnerException!.Message}";
        }
    }
}
