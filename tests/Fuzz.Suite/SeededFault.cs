namespace Osv.Fuzz.Tests;

/// <summary>One changed line of what ships, which a target must find.</summary>
/// <param name="Target">Whose run finds it.</param>
/// <param name="File">Below the repository's root.</param>
/// <param name="Line">Text that stands there exactly once.</param>
/// <param name="Faulty">What is compiled instead.</param>
/// <param name="Says">Part of what the finding must say.</param>
public sealed record SeededFault(string Name, string Target, string File, string Line, string Faulty, string Says)
{
    private const string Policy = "Osv.Monitor.Policy.dll", Machine = "Osv.Fuzz.Machine.dll";

    /// <summary>The assembly that the file is compiled into.</summary>
    public string Assembly => File.StartsWith("monitor/Policy/", StringComparison.Ordinal) ? Policy : Machine;

    public static readonly IReadOnlyList<SeededFault> All =
    [
        new("The ICR filter forgets to compare partitions", "icr", "monitor/Policy/IcrPolicy.cs",
            "if (target.Partition != partition || !IsTarget(", "if (!IsTarget(",
            "outside of the sender's partition"),
        new("An immediate operand is read before its bytes are counted", "mmio", "monitor/Policy/MmioInstruction.cs",
            "if (bytes.Length - at < 4) return false;", "",
            "IndexOutOfRange"),
        new("A refused creation leaves its extents behind", "control", "monitor/Policy/ControlPolicy.cs",
            "made.ExtentCount = 0;\n            return ControlStatus.OutOfTables;", "return ControlStatus.OutOfTables;",
            "a refused operation has changed something"),
        new("A tenant's timer entry may deliver SMI", "msr", "monitor/Policy/MsrPolicy.cs",
            "if (mode != 0 && (mode != 4 || msr == ErrorVector))", "if (mode != 0 && mode != 2 && (mode != 4 || msr == ErrorVector))",
            "delivers SMI"),
        new("Writes of SVME reach the guest's EFER as they are", "exit", "monitor/Exits/MsrExit.cs",
            "vmcb->Efer = efer;", "vmcb->Efer = value;",
            "the processor would refuse to enter the guest"),
        new("An entry of the MADT may reach over its end", "firmware", "monitor/Startup/Firmware.cs",
            "end - entry >= 2 && entry[1] >= 2 && end - entry >= entry[1];", "end - entry >= 2 && entry[1] >= 2;",
            "AccessViolation"),
        new("RAM that is named twice is given away twice", "firmware", "monitor/Startup/MemoryMap.cs",
            "|| (i > range && boot.RangeIsRam(i))) continue;", "|| (i >= 0 && boot.RangeIsRam(i))) continue;",
            "memory is given away twice"),
        new("Partition 0 may interrupt any core", "exit", "monitor/Exits/ExitHandler.cs",
            " || !IcrPolicy.MayReach(in Node.Cores[core->Index], in Node.Cores[target])) return false;", " || (Node.Cores[core->Index].Partition != Machine.Management && !IcrPolicy.MayReach(in Node.Cores[core->Index], in Node.Cores[target]))) return false;",
            "interrupts a core that is not its own partition's"),
        new("A device may lie about its memory", "pci", "monitor/Startup/Functions.cs",
            " || (host & (bytes - 1)) != 0", "",
            "not made of whole pages"),
        new("A function keeps the message that its owner wrote", "pci", "monitor/Hardware/GuestPci.cs",
            "Cpu.Store32(entry + 2, interrupt);", "Cpu.Store32(entry + 2, message[2]);",
            "gets a message of its owner's choice"),
        new("The IOMMU is not told that an entry has changed", "exit", "monitor/Hardware/Iommu.cs",
            "InvalidateEntry(function);\n        Complete();", "Complete();",
            "may still use an old entry"),
        new("A message may name a core of another partition", "pci", "monitor/Policy/DevicePolicy.cs",
            "core < 0 || machine.Cores[core].Partition != partition", "core < 0",
            "goes to a core that is not its owner's"),
        new("A partition finds the next one's MSI-X table", "pci", "monitor/Hardware/GuestPci.cs",
            "if (Node.Functions[i].Partition == partition && guest >= Node.Functions[i].TableGuest", "if (guest >= Node.Functions[i].TableGuest",
            "reaches another one's MSI-X table"),
        new("A member may reach over the archive's end", "payload", "monitor/loader/Archive.cs",
            "if (offset > left || bytes > left - offset) break;", "",
            "a member lies outside of the archive"),
    ];
}
