; What the load needs of the processor and C# has no word for. System V calling convention.
global time_stamp, write_keeping_registers
bits 64

section .rodata
align 16
patterns:                               ; one of 16 bytes for each XMM register, no two alike
%assign i 0
%rep 16
    times 8 db 0x11 + i, 0xEE - i
    %assign i i + 1
%endrep

section .text
time_stamp:
    rdtsc
    shl rdx, 32
    or rax, rdx
    ret

%macro each_kept 1                      ; general registers that neither the system call nor its arguments touch
    %1 rbx, 0x5B
    %1 rbp, 0x5C
    %1 r8, 0x5D
    %1 r9, 0x5E
    %1 r10, 0x5F
    %1 r12, 0x6C
    %1 r13, 0x6D
    %1 r14, 0x6E
    %1 r15, 0x6F
%endmacro
%macro fill 2
    mov %1, %2 * 0x0102030405060708
%endmacro
%macro compare 2
    mov rcx, %2 * 0x0102030405060708
    cmp %1, rcx
    jne .lost
%endmacro

; edi = file descriptor. Writes one byte to it; the kernel wakes whoever reads there, on another core by an IPI, which is an
; exit. Returns 0 when every register came back as it was, 1 when not, or the system call's error.
write_keeping_registers:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    push 0                              ; the byte
    each_kept fill
    %assign i 0
    %rep 16
    movdqa xmm %+ i, [rel patterns + i * 16]
    %assign i i + 1
    %endrep
    mov rsi, rsp
    mov edx, 1
    mov eax, 1                          ; write
    syscall
    test rax, rax
    js .out
    cmp rsi, rsp
    jne .lost
    cmp rdx, 1
    jne .lost
    each_kept compare
    %assign i 0
    %rep 16
    pcmpeqb xmm %+ i, [rel patterns + i * 16]
    pmovmskb ecx, xmm %+ i
    cmp ecx, 0xFFFF
    jne .lost
    %assign i i + 1
    %endrep
    xor eax, eax
    jmp .out
.lost:
    mov eax, 1
.out:
    add rsp, 8
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
section .note.GNU-stack noalloc noexec nowrite progbits
