using Osv.Contracts.ControlDevice;
using Osv.Fuzz.Engine;
using Osv.Monitor.Policy;

namespace Osv.Fuzz.Targets;

/// <summary>Instructions at the emulated page, and the I/O APIC behind it.</summary>
internal sealed class MmioTarget : FuzzTarget
{
    private readonly PolicyNode _node = new();

    public override string Name => "mmio";

    public override string Surface => "instruction bytes that a tenant executes at its I/O APIC, and the offsets and values that it stores there";

    public override int MaxBytes => 192;

    public override void Run(ReadOnlySpan<byte> input)
    {
        var from = new Input(input);
        _node.Boot();
        _node.CoreTable[4].Partition = 1;
        _node.CoreTable[4].Mode = CoreMode.Running;
        PolicyHardware.Node = _node;
        PolicyHardware.Sender = 1;
        var ioApic = default(IoApic);
        ioApic.Reset();
        while (!from.HasEnded)
        {
            byte what = from.Byte();
            switch (what & 3)
            {
                case 0: Decode(from.Take(from.Below(MmioInstruction.MaxLength + 1))); break;
                case 1:
                    uint offset = (what & 4) != 0 ? from.Dword() : (what & 8) != 0 ? 0u : 0x10u;
                    ioApic.Write(offset, from.Dword());
                    break;
                case 2:
                    ioApic.Read((what & 4) != 0 ? from.Dword() : 0x10);
                    break;
                default:
                    PolicyHardware.Forget();
                    bool raised = ioApic.Raise<PolicyHardware>(_node.Machine, 1, (what & 4) != 0 ? (int)from.Dword() : IoApic.SerialPin);
                    Check.That(PolicyHardware.Interrupts == (raised ? 1 : 0), "a pin that was raised sends none or several interrupts");
                    break;
            }
        }
    }

    private static void Decode(ReadOnlySpan<byte> bytes)
    {
        if (!MmioInstruction.Decode(bytes, out MmioInstruction instruction)) return;
        Check.That(instruction.Length >= 2 && instruction.Length <= bytes.Length && instruction.Length <= MmioInstruction.MaxLength, "an instruction is longer than its bytes");
        Check.That(instruction.Register is >= 0 and <= 15, "an instruction names a register that does not exist");
        Check.That(!instruction.HasImmediate || instruction.IsWrite, "a load has an immediate operand");
        Check.That(!MmioInstruction.Decode(bytes[..(instruction.Length - 1)], out _), "an instruction that is cut short is decoded");
        Check.That(MmioInstruction.Decode(bytes[..instruction.Length], out MmioInstruction again)
            && again.Length == instruction.Length && again.Register == instruction.Register && again.IsWrite == instruction.IsWrite && again.Immediate == instruction.Immediate, "bytes behind an instruction change it");
    }

    public override IEnumerable<byte[]> Seeds() =>
    [
        [0, 2, 0x89, 0x08, 0, 3, 0x8B, 0x47, 0x10, 0, 6, 0xC7, 0x00, 1, 2, 3, 4, 0, 7, 0x41, 0x89, 0x84, 0x24, 1, 0, 0],
        [9, 0x18, 0, 0, 0, 1, 0x31, 0, 0, 0, 9, 0x19, 0, 0, 0, 1, 0, 0, 0, 4, 3, 2],
    ];
}
