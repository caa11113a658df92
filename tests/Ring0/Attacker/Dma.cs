namespace Osv.Ring0.Attacker;

/// <summary>What a device of the partition is told to reach. Attacker and Driver know these by their numbers.</summary>
public static unsafe class Dma
{
    public static void Run(DmaKind kind, ulong target)
    {
        if (!Nvme.Find() || !Nvme.Start(kind == DmaKind.Commands ? target : Nvme.Commands, kind == DmaKind.Completions ? target : Nvme.Completions))
        {
            Serial.Text("PAYLOAD BROKEN no controller\n"u8);
            return;
        }
        Serial.Text("DMA READY\n"u8);
        switch (kind)
        {
            case DmaKind.Stream: Stream(); break;
            case DmaKind.SecondPage: Nvme.Identify(Nvme.Page + 0x800, target); break;
            case DmaKind.Data: Nvme.Identify(target); break;
            default: Nvme.Identify(Nvme.Page); break;
        }
        Nvme.Complete();
        Serial.Text("DMA ENDED completion "u8);
        Serial.Hex(Cpu.Load32((void*)(Nvme.Completions + 12)));
        Serial.Text(" status "u8);
        Serial.Hex(Nvme.Load(0x1C));
        Serial.Line();
        // Whoever is to be stopped for this does not stop by itself.
        while (true) Cpu.Pause();
    }

    /// <summary>Pages of the partition's own, one after the other, without end: every one of them is written all the time.</summary>
    private static void Stream()
    {
        const ulong First = 0xA3_0000, Last = 0xF0_0000;
        ulong at = First;
        for (uint i = 0; i < 8; i++) Nvme.Identify(at);
        while (true)
        {
            if (!Nvme.Complete()) Serial.Text("PAYLOAD BROKEN the controller stands still\n"u8);
            at = at == Last ? First : at + 0x1000;
            Nvme.Identify(at);
        }
    }
}
