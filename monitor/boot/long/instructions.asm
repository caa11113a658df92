; Single instructions that C# cannot say. System V calling convention: rdi, rsi, rdx, rcx; result in rax.
%include "layout.inc"
section .text
bits 64

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
routine asm_out16
    mov edx, edi
    mov eax, esi
    out dx, ax
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
routine asm_cpuid                       ; leaf, subleaf, uint[4] eax ebx ecx edx
    push rbx
    mov r8, rdx
    mov eax, edi
    mov ecx, esi
    cpuid
    mov [r8], eax
    mov [r8 + 4], ebx
    mov [r8 + 8], ecx
    mov [r8 + 12], edx
    pop rbx
    ret
routine asm_load32
    mov eax, [rdi]
    ret
routine asm_load64
    mov rax, [rdi]
    ret
routine asm_store32                     ; extended configuration space takes accesses from and to EAX only
    mov eax, esi
    mov [rdi], eax
    ret
routine asm_store64
    mov [rdi], rsi
    ret
routine asm_store128                    ; address, low half, high half
    push rbx
    mov rbx, rsi
    mov rcx, rdx
    mov rax, [rdi]
    mov rdx, [rdi + 8]
.again:
    lock cmpxchg16b [rdi]
    jnz .again
    pop rbx
    ret
routine asm_exchange32
    mov eax, esi
    xchg [rdi], eax
    ret
routine asm_add32                       ; returns the value before
    mov eax, esi
    lock xadd [rdi], eax
    ret
routine asm_pause
    pause
    ret
routine asm_fence
    mfence
    ret
routine asm_rdtsc
    rdtsc
    shl rdx, 32
    or rax, rdx
    ret
routine asm_lidt
    lidt [rdi]
    ret
routine asm_write_cr3
    mov cr3, rdi
    ret
routine asm_xsetbv
    mov ecx, edi
    mov rax, rsi
    mov rdx, rsi
    shr rdx, 32
    xsetbv
    ret
routine asm_vmload
    mov rax, rdi
    vmload
    ret
routine asm_halt
    cli
    hlt
    jmp asm_halt
routine asm_open_interrupts             ; take whatever is pending, once
    stgi
    sti
    nop
    nop
    cli
    clgi
    ret
; Power-up values of what a partition leaves in registers that VMRUN does not load: x87, SSE, AVX, debug registers.
; rdi = an XSAVE image of the initial state, rsi = XCR0 to leave behind, rdx = XCR0 with all the processor has.
routine asm_reset_registers
    mov rax, cr4
    bts rax, 18                         ; OSXSAVE
    mov cr4, rax
    mov r8, rsi
    mov r9, rdx                         ; all features the processor has
    xor ecx, ecx
    mov rax, r9
    mov rdx, r9
    shr rdx, 32
    xsetbv
    mov rax, r9
    mov rdx, r9
    shr rdx, 32
    xrstor64 [rdi]
    xor ecx, ecx
    mov rax, r8
    mov rdx, r8
    shr rdx, 32
    xsetbv
    xor eax, eax
    mov dr0, rax
    mov dr1, rax
    mov dr2, rax
    mov dr3, rax
    ret
routine asm_clear                       ; rdi = address, rsi = bytes, both multiples of 8
    mov rcx, rsi
    and ecx, 127
    shr ecx, 3
    xor eax, eax
    rep stosq                           ; until whole blocks are left
    shr rsi, 7
    jz .done
    test dil, 15
    jnz .unaligned
    xorps xmm0, xmm0
.block:                                 ; past the caches: the memory goes to somebody else
    %assign i 0
    %rep 8
    movntps [rdi + i * 16], xmm0
    %assign i i + 1
    %endrep
    add rdi, 128
    dec rsi
    jnz .block
    sfence
.done:
    ret
.unaligned:
    shl rsi, 4
    mov rcx, rsi
    rep stosq
    ret
; Addresses of linker and assembly symbols, by number.
routine asm_symbol
    mov eax, edi
    mov rax, [symbols + rax * 8]
    ret
section .rodata
extern __image_start, __text_end, __bss_start, __image_end, trap_stubs, start_core_template, start_core_template_end, start_core_block
extern boot_pml4, boot_pdpts, boot_stack_guard
symbols:
    dq __image_start, __text_end, __bss_start, __image_end, trap_stubs, start_core_template, start_core_template_end, start_core_block
    dq boot_pml4, boot_pdpts, boot_stack_guard
