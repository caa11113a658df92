using System.Runtime.InteropServices;

namespace Osv.Bench.Plugin;

/// <summary>A counter that QEMU keeps for each virtual processor (qemu_plugin_u64).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ScoreEntry
{
    public nint Scoreboard;
    public nuint Offset;
}

/// <summary>What the loader tells about the machine (qemu_info_t).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MachineInfo
{
    public nint TargetName;
    public int VersionMin;
    public int VersionCurrent;
    public byte IsSystem;
    public int Processors;
    public int MaxProcessors;
}

/// <summary>A register that can be read (qemu_plugin_reg_descriptor).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RegisterDescriptor
{
    public nint Handle;
    public nint Name;
    public nint Feature;
}

/// <summary>The head of glib's GArray and GByteArray.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct GlibArray
{
    public byte* Data;
    public uint Length;
}

/// <summary>The part of QEMU's plugin interface (version 4, QEMU 10.0) that is used here.</summary>
internal static unsafe partial class Qemu
{
    private const string Process = "qemu";

    /// <summary>Whether a callback may read registers (qemu_plugin_cb_flags).</summary>
    public const int NoRegisters = 0, ReadRegisters = 1;

    /// <summary>The inline operation that adds (qemu_plugin_op).</summary>
    public const int Add = 0;

    [LibraryImport(Process, EntryPoint = "qemu_plugin_register_vcpu_init_cb")]
    public static partial void OnProcessor(ulong id, delegate* unmanaged[Cdecl]<ulong, uint, void> callback);

    [LibraryImport(Process, EntryPoint = "qemu_plugin_register_vcpu_tb_trans_cb")]
    public static partial void OnTranslation(ulong id, delegate* unmanaged[Cdecl]<ulong, nint, void> callback);

    [LibraryImport(Process, EntryPoint = "qemu_plugin_register_atexit_cb")]
    public static partial void OnExit(ulong id, delegate* unmanaged[Cdecl]<ulong, void*, void> callback, void* data);

    [LibraryImport(Process, EntryPoint = "qemu_plugin_register_vcpu_tb_exec_cb")]
    public static partial void OnBlock(nint block, delegate* unmanaged[Cdecl]<uint, void*, void> callback, int flags, void* data);

    [LibraryImport(Process, EntryPoint = "qemu_plugin_register_vcpu_insn_exec_cb")]
    public static partial void OnInstruction(nint instruction, delegate* unmanaged[Cdecl]<uint, void*, void> callback, int flags, void* data);

    [LibraryImport(Process, EntryPoint = "qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu")]
    public static partial void CountInstruction(nint instruction, int operation, ScoreEntry counter, ulong amount);

    [LibraryImport(Process, EntryPoint = "qemu_plugin_tb_vaddr")]
    public static partial ulong BlockAddress(nint block);

    [LibraryImport(Process, EntryPoint = "qemu_plugin_tb_n_insns")]
    public static partial nuint InstructionsIn(nint block);

    [LibraryImport(Process, EntryPoint = "qemu_plugin_tb_get_insn")]
    public static partial nint Instruction(nint block, nuint index);

    [LibraryImport(Process, EntryPoint = "qemu_plugin_insn_vaddr")]
    public static partial ulong InstructionAddress(nint instruction);

    [LibraryImport(Process, EntryPoint = "qemu_plugin_insn_data")]
    public static partial nuint InstructionBytes(nint instruction, void* buffer, nuint bytes);

    [LibraryImport(Process, EntryPoint = "qemu_plugin_scoreboard_new")]
    public static partial nint NewScoreboard(nuint elementBytes);

    [LibraryImport(Process, EntryPoint = "qemu_plugin_u64_get")]
    public static partial ulong Read(ScoreEntry counter, uint processor);

    [LibraryImport(Process, EntryPoint = "qemu_plugin_num_vcpus")]
    public static partial int Processors();

    /// <summary>A GArray of <see cref="RegisterDescriptor"/>, of the calling virtual processor.</summary>
    [LibraryImport(Process, EntryPoint = "qemu_plugin_get_registers")]
    public static partial GlibArray* Registers();

    /// <summary>Appends the value to the array; its bytes.</summary>
    [LibraryImport(Process, EntryPoint = "qemu_plugin_read_register")]
    public static partial int ReadRegister(nint handle, GlibArray* buffer);

    /// <summary>Reads by the page tables in force on the calling virtual processor.</summary>
    [LibraryImport(Process, EntryPoint = "qemu_plugin_read_memory_vaddr")]
    [return: MarshalAs(UnmanagedType.U1)]
    public static partial bool ReadMemory(ulong address, GlibArray* buffer, nuint bytes);

    [LibraryImport(Process, EntryPoint = "g_byte_array_new")]
    public static partial GlibArray* NewBytes();

    [LibraryImport(Process, EntryPoint = "g_byte_array_set_size")]
    public static partial GlibArray* Resize(GlibArray* array, uint bytes);
}
