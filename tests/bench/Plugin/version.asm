; The version of QEMU's plugin interface that Qemu.cs declares: data, which C# cannot export. QEMU 10.0 has 4.
global qemu_plugin_version:data 4
section .data
align 4
qemu_plugin_version: dd 4
section .note.GNU-stack noalloc noexec nowrite progbits
