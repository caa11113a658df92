using System.Globalization;
using Osv.Contracts.ControlDevice;
using Osv.Model.Explorer;
using Osv.Monitor.Policy;

namespace Osv.Promela;

/// <summary>
/// Steps and states in the numbers that the Promela model uses (monitor/model/tell.pml, replay.pml): one form for both
/// sides, so that they can be compared.
/// </summary>
internal static class Told
{
    /// <summary>Kind of the step that makes partition 0, with which a simulation begins.</summary>
    public const int Boot = -1;

    /// <summary>Everything of the state that both sides have: cores, partitions, pages, functions, window.</summary>
    public static int[] State(in World world, Configuration bounds)
    {
        var numbers = new List<int>();
        for (int core = 0; core < bounds.Cores; core++)
        {
            ref readonly Core policy = ref world.Core[core];
            numbers.AddRange(
            [
                Owner(policy.Partition), (int)policy.Mode, policy.Dirty ? 1 : 0, (int)policy.Requests, world.Kicked[core] ? 1 : 0,
                world.Place[core], world.Runs[core], world.Pending[core], (int)world.Registers[core], world.RequestIsForeign[core] ? 1 : 0,
            ]);
        }
        for (int p = 0; p < World.Partitions; p++)
        {
            ref readonly Partition policy = ref world.Partition[p];
            numbers.AddRange([(int)policy.State, policy.BootCore, policy.CoresOut, policy.Dirty ? 1 : 0]);
        }
        for (int page = 0; page < bounds.Pages; page++)
            numbers.AddRange([world.Owner[page], world.Mapped[page], world.Visible[page] ? 1 : 0, (int)world.Content[page]]);
        for (int function = 0; function < bounds.Functions; function++)
            numbers.AddRange([world.FunctionOwner[function], world.Reaches[function], world.InterruptTo[function], world.Soiled[function] ? 1 : 0]);
        numbers.Add(Owner(world.Window));
        return [.. numbers];
    }

    private static int Owner(ushort partition) => partition == Machine.Nobody ? World.None : partition;

    /// <summary>Kind, core, high and low value, detail, status. The value of a control operation is the operation.</summary>
    public static int[] Step(in Step step) =>
        [(int)step.Kind, step.Core, (int)(uint)(step.Value >> 32), (int)(uint)step.Value, (int)step.Detail, (int)step.Status];

    /// <summary>The steps that a simulation told, each with the state after it.</summary>
    public static IEnumerable<(int[] Step, int[] State)> Read(string simulation)
    {
        foreach (string line in simulation.Split('\n'))
        {
            if (!line.StartsWith("step ", StringComparison.Ordinal)) continue;
            // The last line of a run that was cut off may end early.
            int bar = line.IndexOf('|', StringComparison.Ordinal);
            if (bar < 0 || !line.Contains(" w", StringComparison.Ordinal)) continue;
            yield return (Numbers(line[5..bar]), Numbers(line[(bar + 1)..]));
        }
    }

    private static int[] Numbers(string text) =>
        [.. text.Split([' ', ',', 'c', 'p', 'm', 'f', 'w'], StringSplitOptions.RemoveEmptyEntries).Select(number => int.Parse(number, CultureInfo.InvariantCulture))];

    public static string Words(IEnumerable<int> numbers) => string.Join(' ', numbers);
}
