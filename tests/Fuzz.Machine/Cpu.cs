using System;
using System.Runtime.InteropServices;

namespace Osv.Monitor.Hardware;

/// <summary>The processor's instructions, carried out on a <see cref="SimulatedProcessor"/>. Same names as in monitor/Hardware/Cpu.cs.</summary>
public static unsafe class Cpu
{
    public static SimulatedProcessor Processor { get; set; } = new();

    public static byte In8(uint port) => (byte)(Processor.In(port, 1) & 0xFF);
    public static uint In32(uint port) => Processor.In(port, 4);
    public static void Out8(uint port, uint value) => Processor.Out(port, 1, value & 0xFF);
    public static void Out16(uint port, uint value) => Processor.Out(port, 2, value & 0xFFFF);
    public static void Out32(uint port, uint value) => Processor.Out(port, 4, value);
    public static ulong ReadMsr(uint msr) => Processor.ReadMsr(msr);
    public static void WriteMsr(uint msr, ulong value) => Processor.WriteMsr(msr, value);
    public static void Cpuid(uint leaf, uint subleaf, uint* registers) => Processor.Cpuid(leaf, subleaf, new Span<uint>(registers, 4));
    public static uint Load32(uint* address) => Processor.Device is { } device ? device((ulong)address, null) : *address;
    public static ulong Load64(ulong* address) => *address;

    public static void Store32(uint* address, uint value)
    {
        if (Processor.Device is { } device) device((ulong)address, value);
        else *address = value;
    }

    public static void Store64(ulong* address, ulong value)
    {
        *address = value;
        Processor.Iommu?.Stored(address);
    }

    public static void Store128(ulong* address, ulong low, ulong high)
    {
        if (((ulong)address & 15) != 0) throw new InvalidOperationException("CMPXCHG16B of an address that is no multiple of 16 faults");
        address[0] = low;
        address[1] = high;
    }

    public static uint Exchange32(uint* address, uint value)
    {
        uint old = *address;
        *address = value;
        return old;
    }

    public static uint Add32(uint* address, uint value)
    {
        uint old = *address;
        *address = unchecked(old + value);
        return old;
    }

    public static void Pause() => Processor.Pause();
    public static void Fence() { }
    public static ulong TimeStamp() => Processor.TimeStamp();
    public static void LoadIdt(void* pointer) { }
    public static void WriteCr3(ulong root) { }
    public static void WriteXcr(uint register, ulong value) => Processor.WriteXcr(register, value);
    public static void VmLoad(ulong vmcb) { }
    public static void Halt() => throw new ProcessorHalted();
    public static void OpenInterrupts() { }
    public static void ResetRegisters(void* initialState, ulong xcr0After, ulong allFeatures) { }

    public static void Clear(void* address, ulong bytes)
    {
        if (Processor.MayClear((ulong)address, bytes)) NativeMemory.Clear(address, (nuint)bytes);
    }

    public static void* Copy(void* destination, void* source, ulong bytes)
    {
        // Start code of the other cores goes to a page that a process cannot have.
        if ((ulong)destination >= 0x1_0000) NativeMemory.Copy(source, destination, (nuint)bytes);
        return destination;
    }

    public static void ParkUntil(uint* notZero) => throw new ProcessorParked();
    public static void TakePending() { }
    public static void WorldLoop(CoreBlock* core) { }
    public static byte* Symbol(int which) => Processor.Symbol(which);
    public static void PredictionBarrier() { }
}

/// <summary>One thread plays all cores: a lock that is not free at once never becomes free.</summary>
public unsafe struct TicketLock
{
    private uint _next;
    private uint _serving;

    public static void Enter(TicketLock* ticketLock)
    {
        if (ticketLock->_next != ticketLock->_serving) throw new InvalidOperationException("a lock is taken that is held: the core waits for itself");
        ticketLock->_next = unchecked(ticketLock->_next + 1);
    }

    public static void Leave(TicketLock* ticketLock)
    {
        if (ticketLock->_next == ticketLock->_serving) throw new InvalidOperationException("a lock is left that nobody holds");
        ticketLock->_serving = unchecked(ticketLock->_serving + 1);
    }
}

/// <summary>The processor has been halted for good: the monitor stops a boot that cannot go on, switches the node, or panics.</summary>
public sealed class ProcessorHalted : Exception;

/// <summary>The core waits for a kick.</summary>
public sealed class ProcessorParked : Exception;
