using Osv.Fuzz.Engine;
using Osv.Loader;
using Osv.Monitor.Startup;

namespace Osv.Fuzz.Targets.Ring0;

/// <summary>The payload as a boot loader hands it over: the monitor's look at it, then that of partition 0's loader.</summary>
internal sealed unsafe class PayloadTarget : FuzzTarget
{
    private const int Longest = 2048;
    private byte* _end;

    public override string Name => "payload";

    public override string Surface => "the boot payload: cpio archive and manifest, cut short, damaged or forged (with a sum that is right)";

    public override int MaxBytes => 1024;

    public override void SetUp() => _end = PhysicalMemory.Guarded(Longest) + Longest;

    public override void Run(ReadOnlySpan<byte> input)
    {
        var from = new Input(input);
        byte what = from.Byte();
        ReadOnlySpan<byte> body = from.Rest();
        byte* start = _end - body.Length;
        var archive = new Span<byte>(start, body.Length);
        body.CopyTo(archive);
        // Forged: whoever can write a payload can also write its sum.
        if ((what & 1) != 0 && archive.Length >= 160)
        {
            ulong bytes = BitConverter.ToUInt64(archive[128..]);
            if (bytes >= 160 && bytes <= (ulong)archive.Length) FirmwareImage.Put64(archive, 136, FirmwareImage.Sum(archive[..(int)bytes]));
        }
        if (!Payload.Open((ulong)start, (ulong)archive.Length)) return;
        Check.That(Payload.Archive == start && Payload.ArchiveBytes <= (ulong)archive.Length, "the payload is longer than it was given");
        Check.That(Payload.Loader >= start && Payload.Loader + Payload.LoaderBytes <= start + Payload.ArchiveBytes, "the loader lies outside of the payload");

        var members = new Archive(start, Payload.ArchiveBytes);
        Find(members, "kernel\0"u8);
        Find(members, "cmdline\0"u8);
    }

    private void Find(Archive members, ReadOnlySpan<byte> name)
    {
        byte* content = members.Find(name, out ulong bytes);
        if (content == null) return;
        Check.That(content < _end && bytes <= (ulong)(_end - content), "a member lies outside of the archive");
    }

    public override IEnumerable<byte[]> Seeds()
    {
        byte[] members = new Contracts.Archives.CpioArchive().AddFile("kernel", new byte[20]).AddText("cmdline", "quiet").ToBytes();
        yield return [1, .. FirmwareImage.Archive(members)];
        yield return [0, .. FirmwareImage.Archive(members)];
        yield return [1, .. FirmwareImage.Archive(members)[..300]];
    }
}
