namespace Osv.Contracts.ControlDevice;

/// <summary>What partition 0 can ask of the monitor. At most eight, so that all of them fit one explorer.</summary>
public enum ControlOperation : uint
{
    /// <summary>Rewrite header, core and memory tables from the monitor's own copy.</summary>
    Topology = 1,
    /// <summary>Take free cores and memory for a new partition; its memory is clean and its load window may be opened.</summary>
    Create = 2,
    /// <summary>Point the load window at one gibibyte of a stopped partition's memory, or close it.</summary>
    Load = 3,
    /// <summary>Close the window and run the partition from its entry state.</summary>
    Start = 4,
    /// <summary>
    /// Take the cores back, scrub registers and memory. Ends with a <see cref="EventKind.Stopped"/> event.
    /// Stopping partition 0 is stopping the node: argument 1 resets it, 2 powers it off.
    /// </summary>
    Stop = 5,
    /// <summary>Give cores and memory of a stopped partition back to the free pool.</summary>
    Destroy = 6,
    /// <summary>Sample every core of a partition by NMI into the core table; a core that hangs is reported as an event.</summary>
    Probe = 7,
    /// <summary>Bytes wait in the partition's console input ring: raise its serial port's interrupt.</summary>
    Console = 8,
}

/// <summary>Outcome of an operation. Anything but <see cref="Ok"/> means that nothing changed.</summary>
public enum ControlStatus : uint
{
    Ok = 0,
    UnknownOperation = 1,
    BadPartition = 3,
    WrongState = 4,
    BadCoreCount = 5,
    UnknownCore = 6,
    CoreNotFree = 7,
    SiblingsSplit = 8,
    DuplicateCore = 9,
    BadExtentCount = 10,
    BadExtent = 11,
    MemoryNotFree = 12,
    GuestOverlap = 13,
    OutOfTables = 14,
    BadEntry = 15,
    BadWindow = 16,
    BadArgument = 17,
    ManagementIsFixed = 18,
    BadFunctionCount = 19,
    UnknownFunction = 20,
    FunctionNotFree = 21,
    /// <summary>The node has no AMD-Vi, or the function cannot be reset.</summary>
    FunctionNotAssignable = 22,
    /// <summary>Functions of one group can reach each other past the IOMMU: they have one owner.</summary>
    GroupSplit = 23,
}

/// <summary>State of a partition as the monitor sees it.</summary>
public enum PartitionState : uint
{
    Absent = 0,
    /// <summary>Owns cores and clean memory; can be loaded, started or destroyed.</summary>
    Stopped = 1,
    Running = 2,
    /// <summary>Cores are being taken back.</summary>
    Stopping = 3,
    /// <summary>All cores are back; memory is being cleared.</summary>
    Scrubbing = 4,
}

/// <summary>What a core is doing.</summary>
public enum CoreMode : uint
{
    Parked = 0,
    WaitForSipi = 1,
    Running = 2,
}

/// <summary>Kinds of entries in the event ring.</summary>
public enum EventKind : uint
{
    None = 0,
    Started = 1,
    /// <summary>Cores are back and memory is clean. Cause says what led to it.</summary>
    Stopped = 2,
    /// <summary>The guest wrote its panic port (pvpanic): it goes on until its own reboot or a stop.</summary>
    Panicked = 3,
    /// <summary>Memory not its own, a forbidden instruction or a world switch the processor refused: being stopped.</summary>
    Violation = 4,
    ManagementRestarted = 5,
    /// <summary>
    /// This core hangs: two probes in a row found it at the same instruction with interrupts off, or three over at least a
    /// second found interrupts off and one waiting. A core that halts with interrupts off was parked by its kernel and is
    /// not told, unless all cores of the partition do.
    /// </summary>
    Hung = 6,
    /// <summary>A triple fault: being stopped. Clearing the memory takes a while, so this comes long before <see cref="Stopped"/>.</summary>
    Failed = 7,
    /// <summary>AMD-Vi refused an access of a function that no partition owns, or that partition 0 does. Told once per start.</summary>
    DeviceRefused = 8,
}

/// <summary>Why a partition stopped.</summary>
public enum StopCause : uint
{
    None = 0,
    Requested = 1,
    Reset = 2,
    PowerOff = 3,
    TripleFault = 4,
    MemoryViolation = 5,
    InvalidGuestState = 6,
    Violation = 7,
    /// <summary>The management Linux wrote its panic port; a tenant's panic is an event only.</summary>
    Panicked = 8,
    /// <summary>The management Linux hangs, or has stopped to beat (<see cref="ControlHeader.Beat"/>).</summary>
    Hung = 9,
    /// <summary>A function of the partition read or wrote memory that is not the partition's.</summary>
    DeviceViolation = 10,
}

/// <summary>Exit reasons counted per core.</summary>
public enum ExitCounter
{
    Icr = 0,
    Cpuid = 1,
    Msr = 2,
    Port = 3,
    Console = 4,
    Nmi = 5,
    PciConfig = 6,
    Npf = 7,
    Exception = 8,
    Instruction = 9,
    Shutdown = 10,
    /// <summary>The end of a guest's NMI handler.</summary>
    NmiReturn = 11,
    Control = 12,
    Other = 13,
    IcrDropped = 14,
    IoApic = 15,
    Count = 16,
}
