using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Osv.Bench.Plugin;

/// <summary>
/// The callbacks. The runtime is safe inside QEMU because a callback allocates nothing: no collection ever starts, so no
/// thread is ever interrupted for one, and the emulator of whole machines uses none of the signals the runtime handles.
/// </summary>
internal static unsafe class Plugin
{
    private const int MaxProcessors = 64, MaxHappenings = 4096;
    /// <summary>VMRUN, 0F 01 D8, as a little-endian number.</summary>
    private const uint Vmrun = 0xD8_010F;
    private const ulong VmcbAsid = 0x58, VmcbExitCode = 0x70, VmcbRax = 0x5F8;

    private static readonly Processor* s_processors = (Processor*)NativeMemory.AllocZeroed(MaxProcessors, (nuint)sizeof(Processor));
    private static readonly Happening* s_happenings = (Happening*)NativeMemory.AllocZeroed(MaxHappenings, (nuint)sizeof(Happening));
    private static ScoreEntry s_instructions;
    private static int s_happened;
    /// <summary>The instruction behind the monitor's VMRUN: it has one.</summary>
    private static ulong s_afterVmrun;
    private static int s_phase;

    [UnmanagedCallersOnly(EntryPoint = "qemu_plugin_install", CallConvs = [typeof(CallConvCdecl)])]
    public static int Install(ulong id, MachineInfo* info, int count, nint* arguments)
    {
        try
        {
            Options.Parse(Enumerable.Range(0, count).Select(i => Marshal.PtrToStringUTF8(arguments[i])!));
            if (info->MaxProcessors > MaxProcessors) throw new NotSupportedException($"{info->MaxProcessors} processors; this plugin has room for {MaxProcessors}");
            File.Delete(Options.Output);
        }
        catch (Exception error) when (error is FormatException or NotSupportedException or IOException)
        {
            Console.Error.WriteLine($"osv bench plugin: {error.Message}");
            return 1;
        }
        s_instructions.Scoreboard = Qemu.NewScoreboard(sizeof(ulong));
        Qemu.OnProcessor(id, &OnProcessor);
        Qemu.OnTranslation(id, &OnTranslation);
        Qemu.OnExit(id, &OnEnd, null);
        return 0;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnProcessor(ulong id, uint index)
    {
        Processor* processor = s_processors + index;
        if (processor->IsKnown) return;
        GlibArray* registers = Qemu.Registers();
        var descriptors = new ReadOnlySpan<RegisterDescriptor>(registers->Data, (int)registers->Length);
        foreach (RegisterDescriptor register in descriptors)
        {
            ReadOnlySpan<byte> name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated((byte*)register.Name);
            if (name.SequenceEqual("rax"u8)) processor->Rax = register.Handle;
            else if (name.SequenceEqual("rcx"u8)) processor->Rcx = register.Handle;
            else if (name.SequenceEqual("rdx"u8)) processor->Rdx = register.Handle;
        }
        processor->Initialize();
    }

    /// <summary>Most blocks are left as they are; the monitor's get a counter at each instruction and callbacks about VMRUN.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnTranslation(ulong id, nint block)
    {
        ulong address = Qemu.BlockAddress(block);
        if (address == Options.Entry) Qemu.OnBlock(block, &OnHappening, Qemu.NoRegisters, null);
        ulong mark = unchecked(address - Options.Marks);
        if (mark < Options.MarkBytes * Options.Phases && mark % Options.MarkBytes == 0) Qemu.OnBlock(block, &OnHappening, Qemu.NoRegisters, (void*)(1 + mark / Options.MarkBytes));
        if (address < Options.TextStart || address >= Options.TextEnd) return;
        nuint count = Qemu.InstructionsIn(block);
        for (nuint i = 0; i < count; i++)
        {
            nint instruction = Qemu.Instruction(block, i);
            ulong at = Qemu.InstructionAddress(instruction);
            if (at == s_afterVmrun) Qemu.OnInstruction(instruction, &OnExit, Qemu.ReadRegisters, null);
            Qemu.CountInstruction(instruction, Qemu.Add, s_instructions, 1);
            uint code = 0;
            if (Qemu.InstructionBytes(instruction, &code, 3) != 3 || code != Vmrun) continue;
            s_afterVmrun = at + 3;
            Qemu.OnInstruction(instruction, &OnEntry, Qemu.NoRegisters, null);
        }
    }

    /// <summary>VMRUN is about to be executed: the exit that came before it is over.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnEntry(uint index, void* data)
    {
        Processor* processor = s_processors + index;
        if (!processor->Inside) return;
        processor->Inside = false;
        processor->Of(processor->Phase, processor->Partition, processor->Kind)->Add(Qemu.Read(s_instructions, index) - processor->Since);
    }

    /// <summary>The first instruction after an exit: RAX is the VMCB's physical address again, RCX and RDX are still the guest's.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnExit(uint index, void* data)
    {
        Processor* processor = s_processors + index;
        ulong vmcb = Register(processor, processor->Rax);
        // The monitor runs on an identity mapping: its virtual addresses are physical ones.
        ulong code = Memory(processor, vmcb + VmcbExitCode), info1 = Memory(processor, vmcb + VmcbExitCode + 8), info2 = Memory(processor, vmcb + VmcbExitCode + 16);
        processor->Kind = ExitSorter.Sort(code, info1, info2, Memory(processor, vmcb + VmcbRax), Register(processor, processor->Rcx), Register(processor, processor->Rdx));
        // Each partition has its own ASID, one more than its number (monitor/Exits/GuestState.cs).
        processor->Partition = (uint)(Memory(processor, vmcb + VmcbAsid) & 0xFFFF_FFFF) - 1;
        processor->Phase = Volatile.Read(ref s_phase);
        processor->Since = Qemu.Read(s_instructions, index);
        processor->Inside = true;
    }

    private static ulong Register(Processor* processor, nint handle)
    {
        Qemu.Resize(processor->Buffer, 0);
        return Qemu.ReadRegister(handle, processor->Buffer) == sizeof(ulong) ? *(ulong*)processor->Buffer->Data : 0;
    }

    private static ulong Memory(Processor* processor, ulong address) =>
        Qemu.ReadMemory(address, processor->Buffer, sizeof(ulong)) ? *(ulong*)processor->Buffer->Data : 0;

    /// <summary>A kernel's entry (0) or the mark of phase n (n + 1).</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnHappening(uint index, void* data)
    {
        int what = (int)(nint)data;
        if (what > 0) Volatile.Write(ref s_phase, what - 1);
        int place = Interlocked.Increment(ref s_happened) - 1;
        if (place >= MaxHappenings) return;
        s_happenings[place] = new Happening(Stopwatch.GetTimestamp(), index, what, what > 0 ? IcrExits(what - 1) : 0);
    }

    /// <summary>Of the measured partition in this phase up to now. Other processors may be counting at the same time.</summary>
    private static ulong IcrExits(int phase)
    {
        const uint Measured = 1;
        ulong sum = 0;
        for (int i = 0; i < MaxProcessors; i++)
        {
            if (s_processors[i].IsKnown) sum += s_processors[i].Of(phase, Measured, Exit.IcrPlain)->Exits + s_processors[i].Of(phase, Measured, Exit.IcrOther)->Exits;
        }
        return sum;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnEnd(ulong id, void* data)
    {
        var happenings = new ReadOnlySpan<Happening>(s_happenings, Math.Min(s_happened, MaxHappenings));
        Report.Write(Options.Output, happenings, new ReadOnlySpan<Processor>(s_processors, Qemu.Processors()));
    }
}

/// <summary>A kernel's entry or a mark. Time: nanoseconds of the host's monotonic clock. ICR exits: in the marked phase so far.</summary>
internal readonly record struct Happening(long Time, uint Processor, int What, ulong IcrExits);
