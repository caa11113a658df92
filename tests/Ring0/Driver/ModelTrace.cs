using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Driver;

/// <summary>
/// The control operations of a run that SPIN made (monitor/model/traces), put into the names of this node: the model's cores
/// are partition 0's and the free ones, its pages lie in the arena, its partition 3 is out of range here, too.
/// </summary>
internal sealed class ModelTrace(MemoryExtent arena, uint management, uint[] free)
{
    public const string File = "/trace";
    private const uint FirstApicId = 0x10, FirstTenant = 1, OutOfRange = 3;

    public static IEnumerable<ulong[]> Steps => System.IO.File.ReadLines(File).Select(TraceWords.Read);

    public unsafe ControlOperation Fill(ref ControlRequest request, ulong[] words)
    {
        ControlOperation operation = TraceWords.Into(ref request, words);
        request.Partition = request.Partition switch
        {
            0 => 0,
            OutOfRange => ControlLayout.MaxPartitions,
            uint tenant => tenant - FirstTenant + TraceScenarios.First,
        };
        for (int i = 0; i < 4; i++)
        {
            uint core = unchecked(request.Cores[i] - FirstApicId);
            if (core <= free.Length) request.Cores[i] = core == 0 ? management : free[core - 1];
            request.Extents[i * 3 + 1] += arena.HostAddress;
        }
        return operation;
    }
}
