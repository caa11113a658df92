; One routine for each thing that 64-bit code of the monitor must not do.
section .text
bits 64
global sample_ymm, sample_vex, sample_fs, sample_gs, sample_call_register, sample_jump_register, sample_jump_memory, sample_red_zone
global sample_moved_stack, sample_interrupt_stub, sample_written_constant
extern asm_pause
sample_ymm:
    vaddps ymm0, ymm1, ymm2
    ret
sample_vex:
    vpxor xmm0, xmm0, xmm0
    ret
sample_fs:
    mov rax, [fs:0x28]
    ret
sample_gs:
    mov [gs:8], rax
    ret
sample_call_register:
    sub rsp, 8
    call rax
    add rsp, 8
    ret
sample_jump_register:
    jmp rdx
sample_jump_memory:
    lea rax, [rel sample_table]
    jmp [rax + rdi * 8]
sample_red_zone:
    mov [rsp - 8], rdi
    mov rax, [rsp - 8]
    ret
sample_moved_stack:
    sub rsp, rdi
    add rsp, rdi
    ret
sample_interrupt_stub:
    push rax
    call asm_pause
    pop rax
    iretq
sample_written_constant:
    mov [rel sample_table], rdi
    ret
section .rodata
sample_table: dq sample_ymm, sample_vex
