using Osv.Monitor.Policy;

namespace Osv.Monitor.Hardware;

/// <summary>What a function was told by one owner is forgotten before the next (PCI Express 5.0, 6.6.2 and 6.6.1).</summary>
public static unsafe class FunctionReset
{
    private const uint BusMaster = 4, NoInterruptPin = 0x400, MsiEnable = 1, MsiXEnable = 0x8000;
    private const uint SelfReset = 0x8000, Pending = 0x20, BusReset = 0x40;
    private const int BridgeControl = 0x3E, Milliseconds = 1_000;

    /// <summary>It moves no more data by itself, and makes no interrupt.</summary>
    public static void Silence(PciFunction* function)
    {
        uint command = PciConfig.Read(function->Address, PciFunction.Command);
        PciConfig.Write(function->Address, PciFunction.Command, 2, (command & ~BusMaster & 0xFFFF) | NoInterruptPin);
        if (function->Msi != 0) ClearControl(function->Address, function->Msi, MsiEnable);
        if (function->MsiX != 0) ClearControl(function->Address, function->MsiX, MsiXEnable);
    }

    /// <summary>The read that follows also waits for writes of the device that were still on their way.</summary>
    private static void ClearControl(ushort address, int capability, uint bits)
    {
        uint control = PciConfig.Read(address, capability) >> 16;
        PciConfig.Write(address, capability + 2, 2, control & ~bits);
        PciConfig.Read(address, capability);
    }

    /// <summary>
    /// All functions of a partition that is being scrubbed: none can get another owner meanwhile. Without the monitor lock,
    /// as it takes a tenth of a second.
    /// </summary>
    public static void ResetAll(int partition)
    {
        bool any = false;
        for (int i = 0; i < Node.FunctionCount; i++)
        {
            PciFunction* function = Node.Functions + i;
            if (function->Partition != partition) continue;
            Silence(function);
            function->Forget();
            Cpu.Clear(Node.MessagesOf(i), 4096);
            any |= Begin(function);
        }
        if (!any) return;
        Startup.Clock.Wait(2 * Milliseconds);
        for (int i = 0; i < Node.FunctionCount; i++)
            if (Node.Functions[i].Partition == partition && Node.Functions[i].Bridge != 0) SetBusReset(Node.Functions[i].Bridge, 0);
        Startup.Clock.Wait(100 * Milliseconds);
        for (int i = 0; i < Node.FunctionCount; i++)
            if (Node.Functions[i].Partition == partition) Restore(Node.Functions + i);
    }

    private static bool Begin(PciFunction* function)
    {
        if (function->CanResetItself)
        {
            for (int i = 0; i < 100 && (PciConfig.Read(function->Address, function->Express + 8) >> 16 & Pending) != 0; i++) Startup.Clock.Wait(Milliseconds);
            PciConfig.Write(function->Address, function->Express + 8, 2, function->DeviceControl | SelfReset);
            return true;
        }
        if (function->Bridge != 0) SetBusReset(function->Bridge, BusReset);
        return function->Bridge != 0;
    }

    /// <summary>It does not answer, or says that it will later (PCI Express 5.0, 2.3.2: vendor 0001h).</summary>
    private static bool IsAway(ushort address) => (PciConfig.Read(address, 0) & 0xFFFF) is 1 or 0xFFFF;

    private static void SetBusReset(ushort bridge, uint value)
    {
        uint control = PciConfig.Read(bridge, BridgeControl) >> 16;
        PciConfig.Write(bridge, BridgeControl, 2, (control & ~BusReset) | value);
    }

    /// <summary>
    /// A function that does not come back within seconds, or still knows a base address or a bit of its command register, was not reset: no
    /// tenant gets it any more.
    /// </summary>
    private static void Restore(PciFunction* function)
    {
        for (int i = 0; i < 100 && IsAway(function->Address); i++) Startup.Clock.Wait(100 * Milliseconds);
        if (IsAway(function->Address) || (PciConfig.Read(function->Address, PciFunction.Command) & NoInterruptPin) != 0) function->IsAssignable = false;
        for (int i = 0; i < PciFunction.BaseAddresses; i++)
        {
            if (function->RealBase[i] > 15 && PciConfig.Read(function->Address, PciFunction.FirstBaseAddress + i * 4) == function->RealBase[i]) function->IsAssignable = false;
            PciConfig.Write(function->Address, PciFunction.FirstBaseAddress + i * 4, 4, function->RealBase[i]);
        }
        if (function->Express != 0) PciConfig.Write(function->Address, function->Express + 8, 2, function->DeviceControl);
        PciConfig.Write(function->Address, PciFunction.Command, 2, NoInterruptPin);
    }
}
