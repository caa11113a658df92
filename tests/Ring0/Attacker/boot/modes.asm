; Leaving 64-bit mode, for task switches and real mode. None of these comes back.
%include "attacker.inc"
REAL_PAGE equ 0xb000
global asm_task_jump, asm_task_gate, asm_real_mode, asm_retry_stub
section .text
bits 64

%macro leave_long_mode 1                ; goes on at %1 in 32-bit protected mode without paging
    push KERNEL_CS32
    mov rax, %1
    push rax
    retfq
%endmacro
%macro paging_off 0
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    mov ecx, 0xc0000080
    xor eax, eax
    xor edx, edx
    wrmsr
%endmacro

asm_task_jump:                          ; edi = selector of a task state, 40h or 48h
    leave_long_mode .narrow
bits 32
.narrow:
    paging_off
    cmp edi, 0x40
    jne .corrupt
    jmp 0x40:0
.corrupt:
    jmp 0x48:0

bits 64
asm_task_gate:                          ; edi = base of a 32-bit IDT whose entry 3 is a task gate
    leave_long_mode .narrow
bits 32
.narrow:
    paging_off
    push edi
    sub esp, 4
    mov word [esp + 2], 0x7ff
    lidt [esp + 2]
    int3
    hlt

bits 64
asm_real_mode:                          ; real mode, where an interrupt's handler is the same interrupt, for ever
    leave_long_mode .narrow
bits 32
.narrow:
    paging_off
    mov edi, REAL_PAGE
    mov esi, real_code
    mov ecx, real_code_end - real_code
    rep movsb
    mov dword [3 * 4], REAL_PAGE + real_loop - real_code
    push dword 0
    push dword 0x03ff0000
    lidt [esp + 2]
    jmp KERNEL_CS16:REAL_PAGE
bits 16
real_code:
    mov eax, cr0
    and al, 0xfe
    mov cr0, eax
    jmp 0:REAL_PAGE + .real - real_code
.real:
    mov ax, 0x2000
    mov ss, ax
real_loop:
    int3
    jmp real_loop
real_code_end:

bits 64
asm_retry_stub:                         ; an exception with an error code goes back to where it was raised
    add rsp, 8
    iretq
