using Osv.Monitor.Hardware;

namespace Osv.Monitor.Startup;

/// <summary>Addresses that only the linker knows; the numbers are places in boot/long/instructions.asm.</summary>
public static unsafe class Symbols
{
    public static ulong ImageStart => (ulong)Cpu.Symbol(0);
    public static ulong TextEnd => (ulong)Cpu.Symbol(1);
    public static ulong BssStart => (ulong)Cpu.Symbol(2);
    public static ulong ImageEnd => (ulong)Cpu.Symbol(3);
    public static byte* TrapStubs => Cpu.Symbol(4);
    public static byte* StartCoreTemplate => Cpu.Symbol(5);
    public static byte* StartCoreTemplateEnd => Cpu.Symbol(6);
    public static ulong* StartCoreBlock => (ulong*)Cpu.Symbol(7);
    public static ulong* BootTop => (ulong*)Cpu.Symbol(8);
    public static ulong* BootDirectories => (ulong*)Cpu.Symbol(9);
    public static ulong BootStackGuard => (ulong)Cpu.Symbol(10);
}
