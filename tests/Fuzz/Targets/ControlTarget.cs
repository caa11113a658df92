using Osv.Contracts.ControlDevice;
using Osv.Fuzz.Engine;
using Osv.Monitor.Policy;

namespace Osv.Fuzz.Targets;

/// <summary>A history of operations, and of what guests and cores do between them.</summary>
internal sealed unsafe class ControlTarget : FuzzTarget
{
    private const int MaxSteps = 48;
    private readonly PolicyNode _node = new();
    private readonly ControlRequest[] _request = new ControlRequest[1];

    public override string Name => "control";

    public override string Surface => "control operations of partition 0 (request page and doorbell), in any order, with cores and guests acting between";

    public override int MaxBytes => 512;

    public override double Weight => 1.5;

    public override void Run(ReadOnlySpan<byte> input)
    {
        _node.Boot();
        PolicyHardware.Node = _node;
        var from = new Input(input);
        for (int step = 0; step < MaxSteps && !from.HasEnded; step++)
        {
            int what = from.Byte();
            PolicyHardware.Forget();
            PolicyHardware.TablesRunOut = (what & 0x80) != 0;
            switch (what & 7)
            {
                case 0 or 1 or 2: Operate(ref from, raw: false); break;
                case 3: Operate(ref from, raw: true); break;
                case 4: Act(from.Below(PolicyNode.Cores), mayTakeNmi: (what & 0x40) != 0); break;
                case 5: ActAll(); break;
                case 6: WriteIcr(ref from); break;
                default: End(ref from); break;
            }
            _node.CheckOwnership();
        }
    }

    private void Operate(ref Input from, bool raw)
    {
        uint operation = raw ? from.Dword() : from.Byte() % 10u;
        ref ControlRequest request = ref _request[0];
        request.Partition = raw ? from.Dword() : from.Byte() % 6u;
        request.Argument = raw ? from.Dword() : from.Byte() & 3u;
        request.WindowAddress = raw ? from.Qword() : (ulong)from.Byte() << 30;
        request.CoreCount = raw ? from.Dword() : from.Byte() % 8u;
        request.ExtentCount = raw ? from.Dword() : from.Byte() % 18u;
        request.Entry = new EntryState { Rip = 0x100_0200, Rsi = 0x7000, Cr3 = 0xA000, GdtBase = 0x6000, GdtLimit = 31, CodeSelector = 0x10, DataSelector = 0x18 };
        if (raw) request.Entry = new EntryState { Rip = from.Qword(), Rsi = from.Qword(), Cr3 = from.Qword(), GdtBase = from.Qword(), GdtLimit = from.Dword(), CodeSelector = from.Word() };
        for (int i = 0; i < (int)Math.Min(request.CoreCount, 8); i++) request.Cores[i] = raw ? from.Dword() : from.Byte() % 7u;
        for (int i = 0; i < (int)Math.Min(request.ExtentCount, ControlLayout.MaxExtents); i++)
        {
            request.Extents[i * 3] = raw ? from.Qword() : from.Byte() * PolicyNode.Page * 16;
            request.Extents[i * 3 + 1] = raw ? from.Qword() : PolicyNode.FirstAddress + from.Byte() % 128u * PolicyNode.Page;
            request.Extents[i * 3 + 2] = raw ? from.Qword() : from.Byte() % 8u * PolicyNode.Page;
        }
        request.FunctionCount = raw ? from.Dword() : from.Byte() % 5u;
        for (int i = 0; i < (int)Math.Min(request.FunctionCount, ControlLayout.MaxOwnFunctions); i++) request.Functions[i] = raw ? from.Word() : (ushort)(8 + from.Byte() % (PolicyNode.Functions + 1));

        _node.Remember();
        PolicyHardware.Sender = -1;
        ControlStatus status = ControlPolicy.Execute<PolicyHardware>(_node.Machine, operation, in request, out uint index);
        Check.That(Enum.IsDefined(status), "an operation ends with a status that nobody knows");
        if (status == ControlStatus.Ok) return;
        Check.That(PolicyHardware.Calls == 0, "a refused operation has acted on the machine");
        Check.That(!_node.HasChanged(), "a refused operation has changed something");
        Check.That(index <= Math.Max(Math.Max(request.CoreCount, request.ExtentCount), request.FunctionCount), "a refusal names a core, an extent or a function that was not asked for");
    }

    /// <summary>One core does what is asked of it; true when it did something.</summary>
    private bool Act(int core, bool mayTakeNmi)
    {
        Machine machine = _node.Machine;
        ushort partition = machine.Cores[core].Partition;
        PolicyHardware.Sender = partition == Machine.Nobody ? int.MaxValue : partition;
        switch (Lifecycle.Next(machine, core, mayTakeNmi))
        {
            case CoreAction.ScrubCore:
                Check.That(machine.Partitions[partition].State == PartitionState.Stopping, "a core of a partition that does not stop is scrubbed");
                Lifecycle.CoreIsBack<PolicyHardware>(machine, core);
                return true;
            case CoreAction.ScrubMemory:
                Lifecycle.MemoryIsClean<PolicyHardware>(machine, partition);
                return true;
            case CoreAction.EnterStart or CoreAction.EnterSipi:
                Check.That(machine.Partitions[partition].State == PartitionState.Running && machine.Window[0] != partition, "a core enters a guest that is not started, or that partition 0 can still write to");
                return true;
            default:
                return false;
        }
    }

    /// <summary>All cores, until none has anything to do: no history keeps them busy for ever.</summary>
    private void ActAll()
    {
        int rounds = 0;
        for (bool busy = true; busy; rounds++)
        {
            Check.That(rounds < 16, "the cores never come to rest");
            busy = false;
            for (int core = 0; core < PolicyNode.Cores; core++) busy |= Act(core, mayTakeNmi: true);
        }
        for (int p = 0; p < PolicyNode.Partitions; p++)
            Check.That(_node.Machine.Partitions[p].State is not (PartitionState.Stopping or PartitionState.Scrubbing), "a partition is being stopped or cleared, and no core has anything left to do");
    }

    private void WriteIcr(ref Input from)
    {
        int core = from.Below(PolicyNode.Cores);
        ulong value = from.Qword();
        ushort partition = _node.CoreTable[core].Partition;
        if (partition == Machine.Nobody || _node.CoreTable[core].Mode != CoreMode.Running) return;
        PolicyHardware.Sender = partition;
        IcrPolicy.Write<PolicyHardware>(_node.Machine, core, value);
    }

    private void End(ref Input from)
    {
        int core = from.Below(PolicyNode.Cores), cause = from.Byte();
        ushort partition = _node.CoreTable[core].Partition;
        if (partition == Machine.Nobody || _node.CoreTable[core].Mode != CoreMode.Running) return;
        PolicyHardware.Sender = partition;
        if ((cause & 1) != 0) Lifecycle.Panicked<PolicyHardware>(_node.Machine, partition, core);
        else if (cause >= 0xE0)
        {
            // The IOMMU is nobody's core: what it refuses may stop any tenant.
            PolicyHardware.Sender = -1;
            DevicePolicy.Refused<PolicyHardware>(_node.Machine, (ushort)(7 + (cause >> 1 & 7)));
        }
        else Lifecycle.Stop<PolicyHardware>(_node.Machine, partition, (StopCause)(1 + cause % 9));
    }

    /// <summary>Create partition 1 on the second pair with a function, clear it, load, start, act, stop, act, destroy.</summary>
    public override IEnumerable<byte[]> Seeds()
    {
        byte[] create = [0, 2, 1, 0, 0, 2, 1, 2, 3, 0, 40, 2, 1, 3], rest = [5];
        byte[] Ask(byte operation, byte argument) => [0, operation, 1, argument, 0, 0, 0, 0];
        yield return [.. create, .. rest, .. Ask(3, 1), .. Ask(4, 0), .. rest, 6, 2, 0, 5, 0, 0, 3, 0, 0, 0, .. rest, .. Ask(5, 0), .. rest, .. Ask(6, 0)];
        yield return [.. create, .. rest, .. Ask(4, 0), .. rest, .. Ask(7, 0), .. Ask(8, 0), 7, 2, 1, 7, 2, 2, .. rest];
        yield return [0x80, .. create[1..], .. create];
        yield return [.. create, .. rest, .. Ask(4, 0), .. rest, 7, 2, 0xE8, .. rest, .. Ask(4, 0), .. rest, .. Ask(5, 0), .. rest, .. Ask(6, 0), .. create];
    }
}
