using Osv.Ring0.Attacker;

namespace Osv.Monitor;

/// <summary>What the base library calls when a bound is broken: here a defect of the payload, said on its console.</summary>
public static class Panic
{
    public static void IndexOutOfRange() => Because("index out of range"u8);
    public static void Overflow() => Because("arithmetic overflow"u8);
    public static void DivideByZero() => Because("division by zero"u8);
    public static void NullReference() => Because("null reference"u8);
    public static void Unreachable() => Because("code that cannot be reached"u8);

    private static void Because(System.ReadOnlySpan<byte> reason)
    {
        Serial.Text("PAYLOAD BROKEN "u8);
        Serial.Text(reason);
        Serial.Line();
        Cpu.Halt();
    }
}
