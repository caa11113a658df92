; The probe, and single instructions that C# cannot say. System V calling convention.
%include "attacker.inc"
extern first_state, second_state, first_stubs, second_stubs, trampoline, trampoline_end, entry_registers, entry_xsave
extern asm_retry_stub, far_pdpt, tss, __image_end, pml4, gdt, stack_top, user_stack_top
global shadow_halt, __security_cookie
section .text
bits 64
%macro routine 1
global %1
align 16
%1:
%endmacro

; rdi = code, rsi = registers (rax rbx rcx rdx rsi rdi r8 rflags), edx = 0: kernel, 1: user, 2: 32-bit, ecx = RFLAGS for user mode.
; Runs the code with the registers; returns the vector of the exception that ended it, or NO_VECTOR. First core only.
routine asm_probe
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [rel first_state + STATE_RESUME_RSP], rsp
    mov rax, .back
    mov [rel first_state + STATE_RESUME], rax
    mov [rel first_state + STATE_REGISTERS], rsi
    mov qword [rel first_state + STATE_VECTOR], NO_VECTOR
    mov r11, rdi
    cmp edx, 1
    je .user
    cmp edx, 2
    je .narrow
    push .back_from_call
    push r11
    jmp .load
.back_from_call:
    jmp .back
.user:
    push USER_DS
    lea rax, [rel user_stack_top]
    push rax
    push rcx
    push USER_CS
    push r11
    call .load_registers
    iretq
.narrow:
    push KERNEL_CS32
    push r11
    call .load_registers
    retfq
.load:
    call .load_registers
    ret
.load_registers:
    mov rax, [rsi]
    mov rbx, [rsi + 8]
    mov rcx, [rsi + 16]
    mov rdx, [rsi + 24]
    mov rdi, [rsi + 40]
    mov r8, [rsi + 48]
    mov rsi, [rsi + 32]
    ret
global probe_narrow_back
.back:
probe_narrow_back:
    mov [rel scratch], rax
    pushfq
    pop rax
    mov [rel scratch + 8], rax
    cld
    mov rsp, [rel first_state + STATE_RESUME_RSP]
    mov rax, [rel first_state + STATE_REGISTERS]
    mov [rax + 8], rbx
    mov [rax + 16], rcx
    mov [rax + 24], rdx
    mov [rax + 32], rsi
    mov [rax + 40], rdi
    mov [rax + 48], r8
    mov rcx, [rel scratch]
    mov [rax], rcx
    mov rcx, [rel scratch + 8]
    mov [rax + 56], rcx
    mov qword [rel first_state + STATE_RESUME], 0
    mov eax, [rel first_state + STATE_VECTOR]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

; rdi = rounds. Each round has an interrupt pending at STI; HLT must begin before it is taken, so it always wakes the core.
routine asm_shadow_rounds
.again:
    cli
    mov ecx, 0x83f
    mov eax, 0x61
    xor edx, edx
    wrmsr
    sti
shadow_halt:
    hlt
    dec rdi
    jnz asm_shadow_rounds.again
    cli
    ret

routine asm_in8
    mov edx, edi
    xor eax, eax
    in al, dx
    ret
routine asm_in32
    mov edx, edi
    in eax, dx
    ret
routine asm_out8
    mov edx, edi
    mov eax, esi
    out dx, al
    ret
routine asm_out32
    mov edx, edi
    mov eax, esi
    out dx, eax
    ret
routine asm_rdmsr
    mov ecx, edi
    rdmsr
    shl rdx, 32
    or rax, rdx
    ret
routine asm_wrmsr
    mov ecx, edi
    mov rax, rsi
    mov rdx, rsi
    shr rdx, 32
    wrmsr
    ret
routine asm_rdtsc
    rdtsc
    shl rdx, 32
    or rax, rdx
    ret
routine asm_load32
    mov eax, [rdi]
    ret
routine asm_load64
    mov rax, [rdi]
    ret
routine asm_store32
    mov [rdi], esi
    ret
routine asm_store64
    mov [rdi], rsi
    ret
routine asm_pause
    pause
    ret
routine asm_lidt
    lidt [rdi]
    ret
routine asm_load_task                   ; edi = selector
    ltr di
    ret
routine asm_sti
    sti
    nop
    ret
routine asm_cli
    cli
    ret
routine asm_halt
    cli
.again:
    hlt
    jmp .again
routine asm_wait                        ; with interrupts open
    sti
    hlt
    cli
    ret
routine asm_read_state                  ; rdi = ulong[9]: CR2 CR4 CR8 DR0-3 DR6 DR7
    mov rax, cr2
    mov [rdi], rax
    mov rax, cr4
    mov [rdi + 8], rax
    mov rax, cr8
    mov [rdi + 16], rax
    mov rax, dr0
    mov [rdi + 24], rax
    mov rax, dr1
    mov [rdi + 32], rax
    mov rax, dr2
    mov [rdi + 40], rax
    mov rax, dr3
    mov [rdi + 48], rax
    mov rax, dr6
    mov [rdi + 56], rax
    mov rax, dr7
    mov [rdi + 64], rax
    ret
routine asm_soil_vectors                ; XMM and the upper halves of YMM full of ones
    pcmpeqd xmm0, xmm0
    %assign i 0
    %rep 16
    vinsertf128 ymm %+ i, ymm0, xmm0, 1
    %assign i i + 1
    %endrep
    fldpi
    fldpi
    ret
routine asm_fault_now                   ; the time goes to CR2, then nothing handles #UD
    rdtsc
    shl rdx, 32
    or rax, rdx
    mov cr2, rax
    ud2
; Addresses by number: Symbols.cs.
routine asm_symbol
    mov eax, edi
    mov rax, [symbols + rax * 8]
    ret

section .rodata
symbols:
    dq first_state, second_state, first_stubs, second_stubs, probe_code, probe_narrow_back, trampoline, trampoline_end
    dq entry_registers, entry_xsave, far_pdpt, tss, gdt, stack_top, __image_end, asm_retry_stub

section .data
__security_cookie: dq 0x5eed5eed5eed5eed
section .bss nobits alloc noexec write align=4096
probe_code: resb 4096
scratch:    resq 2
