using Osv.Contracts.ControlDevice;
using Osv.Fuzz.Engine;
using Osv.Monitor.Policy;

namespace Osv.Fuzz.Targets;

/// <summary>Writes to the interrupt command register, on tables of which only what policy guarantees is known.</summary>
internal sealed class IcrTarget : FuzzTarget
{
    private readonly PolicyNode _node = new();

    public override string Name => "icr";

    public override string Surface => "a tenant's writes to the interrupt command register (64 bits), with its own and other partitions' cores in any mode";

    public override int MaxBytes => 128;

    public override double Weight => 1.5;

    public override void Run(ReadOnlySpan<byte> input)
    {
        var from = new Input(input);
        _node.Boot();
        PolicyHardware.Node = _node;
        for (int i = 0; i < PolicyNode.Cores; i++)
        {
            byte what = from.Byte();
            ref Core core = ref _node.CoreTable[i];
            // Ids are different: firmware names no core twice (Startup/Firmware.cs).
            core.ApicId = (uint)(from.Word() * 8 + i);
            core.Partition = (what & 3) == 3 ? Machine.Nobody : (ushort)(what & 3);
            core.Mode = (CoreMode)((what >> 2 & 3) % 3);
            core.Requests = (uint)from.Byte() & 63;
        }
        while (!from.HasEnded) Write(from.Below(PolicyNode.Cores), from.Qword());
    }

    private void Write(int sender, ulong value)
    {
        ushort own = _node.CoreTable[sender].Partition;
        if (own == Machine.Nobody) return;
        Machine machine = _node.Machine;
        Span<Core> before = stackalloc Core[PolicyNode.Cores];
        machine.Cores.CopyTo(before);
        PolicyHardware.Forget();
        PolicyHardware.Sender = own;
        bool reached = IcrPolicy.Write<PolicyHardware>(machine, sender, value);
        Check.That(reached || PolicyHardware.Calls == 0, "a write that was dropped did something");

        for (int i = 0; i < PolicyNode.Cores; i++)
        {
            ref Core was = ref before[i], now = ref machine.Cores[i];
            Check.That(now.ApicId == was.ApicId && now.Partition == was.Partition && now.Mode == was.Mode, "a write moves a core, or changes its mode");
            bool changed = now.Requests != was.Requests || now.SipiVector != was.SipiVector;
            if (!changed) continue;
            Check.That(was.Partition == own, "a write asks something of another partition's core");
            Check.That((PolicyHardware.Kicked >> i & 1) != 0, "a core is asked and not kicked: it would not see it");
            Check.That((was.Requests & Request.Stop) == 0 || (now.Requests & Request.Stop) != 0, "a write takes back a stop");
            uint added = now.Requests & ~was.Requests;
            Check.That((added & ~(Request.Init | Request.Sipi | Request.Nmi)) == 0, "a write asks for more than INIT, SIPI and NMI");
        }

        // The fast path sends what the slow one would, and nothing else.
        if (!IcrPolicy.IsPlainFixed(value)) return;
        int target = machine.FindCore((uint)(value >> 32));
        bool may = target >= 0 && IcrPolicy.MayReach(in machine.Cores[sender], in machine.Cores[target]);
        Check.That(PolicyHardware.Interrupts == (may ? 1 : 0), "fast and slow path of the filter differ in whether they send");
        if (may) Check.That(PolicyHardware.LastTarget == (uint)(value >> 32) && PolicyHardware.LastVector == (byte)(value & 0xFF), "fast and slow path of the filter differ in what they send");
    }

    public override IEnumerable<byte[]> Seeds()
    {
        byte[] cores = [8, 0, 0, 0, 9, 1, 0, 0, 9, 2, 0, 0, 5, 3, 0, 0, 2, 4, 0, 8, 3, 5, 0, 0];
        byte[] modes = [0x00, 0x04, 0x05, 0x06];
        foreach (byte mode in modes) yield return [.. cores, 1, 0x30, mode, 0, 0, 18, 0, 0, 0, 1, 0x30, mode, 0xC, 0, 0, 0, 0, 0, 1, 0x30, (byte)(mode | 8), 0, 0, 0xFF, 0, 1, 0, 1, 0x30, mode, 0, 0, 255, 255, 255, 255];
    }
}
