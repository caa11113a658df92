; Header, entry, descriptor and page tables, and the start of the second core.
%include "attacker.inc"
extern attacker_main, attacker_second, __image_end
global entry, pml4, far_pdpt, gdt, tss, trampoline, trampoline_end, entry_registers, entry_xsave, stack_top, user_stack_top

section .header progbits alloc exec nowrite align=4096
    db "OSVATTK1"                       ; Driver/AttackerImage.cs reads this
    dq entry
    dq pml4
    dq gdt
    dd gdt_end - gdt - 1
    dd KERNEL_CS | (KERNEL_DS << 16)

section .text
bits 64
entry:                                  ; rsi = parameters; every other register is to be clear
    mov [rel entry_registers + 0 * 8], rax
    mov [rel entry_registers + 1 * 8], rbx
    mov [rel entry_registers + 2 * 8], rcx
    mov [rel entry_registers + 3 * 8], rdx
    mov [rel entry_registers + 4 * 8], rdi
    mov [rel entry_registers + 5 * 8], rbp
    mov [rel entry_registers + 6 * 8], rsp
    %assign i 8
    %rep 8
    mov [rel entry_registers + (i - 1) * 8], r %+ i
    %assign i i + 1
    %endrep
    lea rsp, [rel stack_top]
    call enable_vectors
    mov eax, 7                          ; what is in x87, SSE and AVX registers before any code uses them
    xor edx, edx
    xsave64 [rel entry_xsave]
    mov rdi, rsi
    call attacker_main
.stop:
    cli
    hlt
    jmp .stop

; SSE and AVX on.
enable_vectors:
    mov rax, cr4
    or eax, (1 << 9) | (1 << 10) | (1 << 18)
    mov cr4, rax
    xor ecx, ecx
    xor edx, edx
    mov eax, 7
    xsetbv
    ret

; Copied to TRAMPOLINE: the second core starts here in real mode. Words at its end: starts so far, and whether to halt at once.
align 16
trampoline:
bits 16
    cli
    mov ax, cs
    mov ds, ax
    lock inc dword [TRAMPOLINE_STARTS]
    cmp dword [TRAMPOLINE_HALT], 0
    jne .halt
    xor eax, eax                        ; intercepted instructions in real mode
    cpuid
    mov al, 1
    out 0x80, al
    in al, 0x61
    lgdt [.gdt_pointer - trampoline]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp dword KERNEL_CS32:second32
.halt:
    hlt
    jmp .halt
align 4
.gdt_pointer:
    dw gdt_end - gdt - 1
    dd gdt
trampoline_end:

bits 32
second32:
    mov ax, KERNEL_DS
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, 1 << 5
    mov cr4, eax
    mov eax, pml4
    mov cr3, eax
    mov ecx, 0xc0000080
    mov eax, 1 << 8
    xor edx, edx
    wrmsr
    mov eax, 0x80000033
    mov cr0, eax
    jmp KERNEL_CS:second64
bits 64
second64:
    lea rsp, [rel second_stack_top]
    call enable_vectors
    call attacker_second
.stop:
    cli
    hlt
    jmp .stop

section .data
align 4096
pml4:                                   ; 0-512 GiB identical; 512 GiB-1 TiB through a table that cases fill in
    dq pdpt + 7, far_pdpt + 7
    times 510 dq 0
pdpt:
    %assign i 0
    %rep 512
    dq i * 0x40000000 + 0x87            ; present, writable, user, 1 GiB
    %assign i i + 1
    %endrep
far_pdpt:
    times 512 dq 0
align 16
gdt:
    dq 0
    dq 0x00cf9b000000ffff               ; 08h: 32-bit code
    dq 0x00af9b000000ffff               ; 10h: 64-bit code
    dq 0x00cf93000000ffff               ; 18h: data
    dq 0x00cff3000000ffff               ; 20h: user data
    dq 0x00affb000000ffff               ; 28h: user code
    dq 0x0000890000000067, 0            ; 30h: task state, its base filled in by C#
    dq 0xc000890000000067               ; 40h: task state at C000_0000h, which is nobody's memory
    dq 0x0000899100000067               ; 48h: task state at 91_0000h
    dq 0x00009b000000ffff               ; 50h: 16-bit code
gdt_end:

section .bss nobits alloc noexec write align=4096
tss:              resb 4096
entry_xsave:      resb 4096
entry_registers:  resq 16
align 16
                  resb 32768
stack_top:
                  resb 32768
second_stack_top:
                  resb 4096
user_stack_top:
