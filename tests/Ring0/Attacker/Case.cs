using System;

namespace Osv.Ring0.Attacker;

/// <summary>One line per case: CASE name verdict detail. The name is put together from parts.</summary>
public static class Case
{
    /// <summary>The console ring holds 16 KiB: after this many lines the reader is waited for.</summary>
    private const uint LinesPerAcknowledgement = 64;
    private static uint s_lines;

    public static void Name(ReadOnlySpan<byte> part)
    {
        Serial.Text("CASE "u8);
        Serial.Text(part);
    }

    public static void And(ReadOnlySpan<byte> part)
    {
        Serial.Put((byte)'-');
        Serial.Text(part);
    }

    public static void AndHex(ulong value)
    {
        Serial.Put((byte)'-');
        Serial.Hex(value);
    }

    /// <summary>Says what must happen and whether it did.</summary>
    public static void Verdict(bool ok, ReadOnlySpan<byte> expected)
    {
        Serial.Text(ok ? " ok "u8 : " FAIL "u8);
        Serial.Text(expected);
        End();
    }

    /// <summary>As above, with the numbers that were seen.</summary>
    public static void Verdict(bool ok, ReadOnlySpan<byte> expected, ulong seen, ulong more = 0)
    {
        Serial.Text(ok ? " ok "u8 : " FAIL "u8);
        Serial.Text(expected);
        if (!ok)
        {
            Serial.Text(" seen "u8);
            Serial.Hex(seen);
            Serial.Put((byte)' ');
            Serial.Hex(more);
        }
        End();
    }

    private static void End()
    {
        Serial.Line();
        if (++s_lines % LinesPerAcknowledgement != 0) return;
        Serial.Text("SYNC\n"u8);
        Serial.Take();
    }
}
