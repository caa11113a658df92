; Where partition 0 begins: 64-bit mode, identity mapped, rsi = the payload's copy. GuestMap.cs has the addresses.
%include "layout.inc"
extern loader_main
global loader_entry

section .tables progbits alloc noexec nowrite align=4096
top:                                    ; 10000h: the first 4 GiB in 1 GiB pages
    dq directory_address + 3
    times 511 dq 0
directory:
    dq 0x00000083, 0x40000083, 0x80000083, 0xC0000083
    times 508 dq 0
directory_address equ 0x11000
    dq 0, 0                             ; 12000h: GDT
    dq 0x00af9b000000ffff               ; 10h: 64-bit code
    dq 0x00cf93000000ffff               ; 18h: data
    times 508 dq 0

section .text.entry progbits alloc exec nowrite align=4096
bits 64
loader_entry:                           ; 13000h
    cld
    mov rsp, stack_top
    mov rax, cr4
    or eax, CR4_OSFXSR | CR4_OSXMMEXCPT ; generated code uses XMM
    mov cr4, rax
    mov rdi, rsi
    call loader_main
routine asm_halt
    cli
    hlt
    jmp asm_halt
routine asm_out8
    mov edx, edi
    mov eax, esi
    out dx, al
    ret
routine asm_own_apic_id
    mov ecx, 0x802
    rdmsr
    ret
routine asm_enter_kernel                ; rdi = rip, rsi = boot_params, rdx = page tables, rcx = GDT register
    lgdt [rcx]
    mov cr3, rdx
    mov ax, HOST_DS                     ; 18h there too
    mov ds, ax
    mov es, ax
    mov ss, ax
    push HOST_CS                        ; 10h
    push rdi
    retfq

section .rodata
global __security_cookie
__security_cookie: dq 0

section .bss nobits alloc noexec write align=16
    resb 32768
stack_top:
