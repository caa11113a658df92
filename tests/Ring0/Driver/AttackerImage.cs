using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Osv.Contracts.ControlDevice;
using Osv.Ring0.Attacker;

namespace Osv.Ring0.Driver;

/// <summary>Puts tests/Ring0/Attacker into a stopped partition and runs it there.</summary>
internal sealed class AttackerImage
{
    private const ulong LoadAddress = 2 << 20;
    private readonly byte[] _image = File.ReadAllBytes("/tenant/attacker");
    private readonly ulong[] _monitorCode;

    public AttackerImage(string monitorCode)
    {
        if (!_image.AsSpan().StartsWith("OSVATTK1"u8)) throw new InvalidDataException("/tenant/attacker is not the attacker's image");
        _monitorCode = [.. monitorCode.Split(',').Select(text => Convert.ToUInt64(text, 16))];
    }

    public void Start(Workbench bench, uint partition, Parameters parameters)
    {
        ref ControlRequest request = ref bench.Device.Request;
        request.Partition = partition;
        request.Argument = 1;
        request.WindowAddress = 0;
        bench.Device.Execute(ControlOperation.Load);
        _image.CopyTo(bench.Device.Window(LoadAddress, _image.Length));
        parameters.TscKilohertz = bench.Device.Header.TscKilohertz;
        parameters.TimerPort = bench.Device.Header.TimerPort;
        parameters.MonitorCode0 = _monitorCode[0];
        parameters.MonitorCode1 = _monitorCode[1];
        MemoryMarshal.Write(bench.Device.Window(Parameters.Address, Marshal.SizeOf<Parameters>()), parameters);
        request.Entry = Entry;
        bench.Device.Execute(ControlOperation.Start);
    }

    /// <summary>The entry state stands at the start of the image (Attacker/boot/entry.asm).</summary>
    private EntryState Entry => new()
    {
        Rip = BinaryPrimitives.ReadUInt64LittleEndian(_image.AsSpan(8)),
        Rsi = Parameters.Address,
        Cr3 = BinaryPrimitives.ReadUInt64LittleEndian(_image.AsSpan(16)),
        GdtBase = BinaryPrimitives.ReadUInt64LittleEndian(_image.AsSpan(24)),
        GdtLimit = BinaryPrimitives.ReadUInt32LittleEndian(_image.AsSpan(32)),
        CodeSelector = BinaryPrimitives.ReadUInt16LittleEndian(_image.AsSpan(36)),
        DataSelector = BinaryPrimitives.ReadUInt16LittleEndian(_image.AsSpan(38)),
    };
}
