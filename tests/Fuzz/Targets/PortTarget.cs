using Osv.Fuzz.Engine;
using Osv.Monitor.Policy;

namespace Osv.Fuzz.Targets;

/// <summary>I/O ports, and the question port of guests that take us for another hypervisor.</summary>
internal sealed class PortTarget : FuzzTarget
{
    private readonly byte[] _tenant = new byte[0x3000], _management = new byte[0x3000];
    private int _timer = -1;

    public override string Name => "port";

    public override string Surface => "IN and OUT of any port, width and value, by a tenant and by partition 0, with any timer port that firmware names";

    public override int MaxBytes => 96;

    public override void Run(ReadOnlySpan<byte> input)
    {
        var from = new Input(input);
        ushort timer = (ushort)(from.Byte() * 0x101);
        Open(timer);
        while (!from.HasEnded)
        {
            byte what = from.Byte();
            bool management = (what & 1) != 0;
            ushort port = (what & 2) != 0 ? (ushort)(0xCF8 + (what >> 5)) : from.Word();
            int bytes = (what >> 2 & 3) switch { 0 => 1, 1 => 2, 2 => 4, _ => from.Byte() & 7 };
            if ((what & 0x10) != 0) In(port, bytes, management);
            else Out(port, bytes, from.Dword(), management);
            Check.That(IsOpen(_tenant, port) == (timer != 0 && port >= timer && port < timer + 4), "a tenant has a port open that is not the timer's");
            Check.That(!IsOpen(_management, port) || IsOpen(_tenant, port) || port is >= 0x3F8 and <= 0x3FF, "partition 0 has a port open that is neither timer nor serial port");
            Ask(port, bytes, from.Qword(), from.Word());
        }
    }

    /// <summary>Once for a timer port: filling the maps takes longer than all the rest.</summary>
    private void Open(ushort timer)
    {
        if (_timer == timer) return;
        _timer = timer;
        PortPolicy.FillPermissionMap(_tenant, timer, management: false);
        PortPolicy.FillPermissionMap(_management, timer, management: true);
    }

    private static bool IsOpen(byte[] map, ushort port) => (map[port >> 3] >> (port & 7) & 1) == 0;

    private static void In(ushort port, int bytes, bool management)
    {
        PortVerdict verdict = PortPolicy.Read(port, management, out _);
        Check.That(verdict is PortVerdict.Absent or PortVerdict.Serial or PortVerdict.PciConfig or PortVerdict.Doorbell, "a read resets, sleeps or panics");
        Check.That(verdict != PortVerdict.Doorbell || management, "a tenant reads the doorbell");
        _ = bytes;
    }

    private static void Out(ushort port, int bytes, uint value, bool management)
    {
        PortVerdict verdict = PortPolicy.Write(port, bytes, value, management);
        Check.That(verdict != PortVerdict.Doorbell || (management && port == PortPolicy.Doorbell), "a tenant rings the doorbell");
        Check.That(verdict != PortVerdict.Reset || port is 0xCF9 or 0x64 or 0x92, "a port resets that is no reset register");
    }

    private static void Ask(ushort port, int bytes, ulong rax, ushort command)
    {
        ulong a = rax, b = 0x1111, c = command;
        bool answered = HypervisorPort.Answer(port, bytes, 3_000_000, ref a, ref b, ref c);
        Check.That(!answered || port == HypervisorPort.Number, "another port than the question port answers");
        Check.That(answered || (a == rax && b == 0x1111 && c == command), "registers change where nothing was answered");
    }

    public override IEnumerable<byte[]> Seeds() =>
    [
        [8, 0x10, 0xF8, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xF9, 0xC, 6, 0, 0, 0],
        [8, 0x18, 0x58, 0x56, 0x68, 0x58, 0x4D, 0x56, 0, 0, 0, 0, 45, 0, 0x18, 0x58, 0x56, 0x68, 0x58, 0x4D, 0x56, 0, 0, 0, 0, 68, 0],
    ];
}
