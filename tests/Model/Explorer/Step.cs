using System;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Model.Explorer;

internal enum StepKind : byte
{
    /// <summary>A kicked core takes its requests: Lifecycle.Next. Value: the action.</summary>
    Act,
    /// <summary>The core's APIC is reset, its guest state made, the guest entered.</summary>
    Enter,
    ScrubCore,
    CoreIsBack,
    ClearMemory,
    MemoryIsClean,
    /// <summary>The second half of an unlocked send. Value: the target core.</summary>
    Send,
    /// <summary>A guest wrote the ICR. Value: what it wrote.</summary>
    Icr,
    /// <summary>A tenant's serial port raised its pin. Value: the core in the redirection entry.</summary>
    Pin,
    /// <summary>A guest reset, powered off, crashed or broke the rules. Value: the cause.</summary>
    Stop,
    /// <summary>A guest wrote its panic port.</summary>
    Panic,
    /// <summary>A guest ended its NMI handler while the next NMI waits: an exit.</summary>
    Iret,
    /// <summary>Partition 0 rang the doorbell. Value: operation and variant, Status: the answer.</summary>
    Control,

    /// <summary>A guest wrote a message of its function. Value: function and core.</summary>
    Message,
    /// <summary>A function interrupts the core that its entry names, whatever its owner does. Value: the function.</summary>
    Interrupt,
    /// <summary>The IOMMU refused an access of a function. Value: the function.</summary>
    Refused,
}

/// <summary>One transition, small enough to be made millions of times; it is put into words only in a trace.</summary>
internal readonly record struct Step(StepKind Kind, int Core, ulong Value, uint Detail = 0, ControlStatus Status = ControlStatus.Ok)
{
    /// <summary>True for the steps that a core takes by itself, whatever guests and operators do.</summary>
    public bool IsOwn => Kind <= StepKind.Send;

    public override string ToString() => Kind switch
    {
        StepKind.Act => $"core {Core} looks at its requests: {(CoreAction)Value}",
        StepKind.Enter => $"core {Core} prepares its registers and enters the guest",
        StepKind.ScrubCore => $"core {Core} clears its registers and resets its APIC",
        StepKind.CoreIsBack => $"core {Core} is back",
        StepKind.ClearMemory => $"core {Core} clears the partition's memory",
        StepKind.MemoryIsClean => $"core {Core} reports that the memory is clean",
        StepKind.Send => $"core {Core} sends the interrupt it was allowed to send, to core {Value}",
        StepKind.Icr => $"the guest on core {Core} writes {Value:X16}h to its ICR",
        StepKind.Pin => $"the guest on core {Core} raises its serial interrupt, directed at core {Value}",
        StepKind.Panic => $"the guest on core {Core} reports a panic",
        StepKind.Iret => $"the guest on core {Core} ends its NMI handler",
        StepKind.Message => $"the guest on core {Core} directs function {Value >> 8} at core {Value & 0xFF}",
        StepKind.Interrupt => $"function {Value} interrupts core {Core}",
        StepKind.Refused => $"an access of function {Value} is refused",
        StepKind.Stop => $"the guest on core {Core} ends: {(StopCause)Value}",
        _ => $"partition 0 on core {Core} asks {ControlRequests.Describe((ControlOperation)Value, Detail)}: {Status}",
    };
}
