using System;
using Osv.Loader;

namespace Osv.Monitor;

/// <summary>What the base library calls when code goes wrong; here: say so and halt partition 0.</summary>
public static class Panic
{
    public static void IndexOutOfRange() => Processor.Stop("index out of range"u8);
    public static void Overflow() => Processor.Stop("arithmetic overflow"u8);
    public static void DivideByZero() => Processor.Stop("division by zero"u8);
    public static void NullReference() => Processor.Stop("null reference"u8);
    public static void Unreachable() => Processor.Stop("code that cannot be reached"u8);
}
