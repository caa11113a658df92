; Entry of the protected-mode half: 32-bit at +0, 64-bit at +200h (XLF_KERNEL_64), and the start of every other core.
%include "layout.inc"

extern monitor_main, monitor_core_main, __bss_start, __image_end
global entry32, boot_pml4, host_gdt_pointer, start_core_template, start_core_template_end

section .text.entry progbits alloc exec nowrite align=4096
bits 32
entry32:                                ; esi = boot_params, paging off
    cli
    cld
    mov edi, __bss_start                ; the loader does not clear our bss
    mov ecx, __image_end
    sub ecx, edi
    shr ecx, 2
    xor eax, eax
    rep stosd
    mov eax, 0x80000001                 ; long mode and 1 GiB pages, or one clear sentence
    cpuid
    bt edx, 29
    jnc .no_long_mode
    bt edx, 26
    jnc .no_long_mode
    call build_identity_map
    lgdt [host_gdt_pointer]
    mov eax, boot_pml4
    call enter_long_mode
    jmp HOST_CS:enter64
.no_long_mode:
    mov esi, no_long_mode_text
.putc:
    mov dx, COM1
    lodsb
    test al, al
    jz .stop
    out dx, al
    jmp .putc
.stop:
    hlt
    jmp .stop

; Identity map of the first 2 TiB in 1 GiB pages: 1 PML4 page, 4 PDPT pages.
build_identity_map:
    mov edi, boot_pml4
    mov eax, boot_pdpts + 3
    mov ecx, 4
.top:
    mov [edi], eax
    add eax, 4096
    add edi, 8
    loop .top
    mov edi, boot_pdpts
    mov eax, 0x83                       ; present, writable, 1 GiB
    xor edx, edx
    mov ecx, 2048
.leaf:
    mov [edi], eax
    mov [edi + 4], edx
    add edi, 8
    add eax, 0x40000000
    adc edx, 0
    loop .leaf
    ret

; eax = PML4. Leaves the caller in compatibility mode.
enter_long_mode:
    mov cr3, eax
    mov eax, cr4
    or eax, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT
    mov cr4, eax
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_LME | EFER_NXE
    wrmsr
    mov eax, CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE
    mov cr0, eax
    ret

    times 0x200 - ($ - entry32) db 0x90
bits 64
entry64:                                ; rsi = boot_params, paging on, identity mapped by the loader
    cli
    cld
    mov rdi, __bss_start
    mov rcx, __image_end
    sub rcx, rdi
    shr rcx, 3
    xor eax, eax
    rep stosq
    lgdt [host_gdt_pointer]
    ; Back to 32-bit code once, so that both entries set the machine up on one path.
    push HOST_CS32
    mov rax, .compatibility
    push rax
    retfq
bits 32
.compatibility:
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    jmp entry32

bits 64
enter64:
    mov ax, HOST_DS
    mov ds, ax
    mov es, ax
    mov ss, ax
    xor eax, eax
    mov fs, ax
    mov gs, ax
    mov rsp, boot_stack_top
    rdtsc
    shl rdx, 32
    xor rax, rdx
    mov [__security_cookie], rax
    mov edi, esi
    call monitor_main
.stop:
    hlt
    jmp .stop

; Copied to a page below 640 KiB; every other core starts here in real mode.
start_core_template:
bits 16
    cli
    cld
    mov ax, cs
    mov ds, ax
    lgdt [ds:.gdt_pointer - start_core_template]
    mov eax, cr0
    or al, 1
    and eax, 0x9fffffff                 ; caches on
    mov cr0, eax
    jmp dword HOST_CS32:start_core32
.gdt_pointer:
    dw host_gdt_end - host_gdt - 1
    dd host_gdt
start_core_template_end:

bits 32
start_core32:
    mov esp, START_PAGE + 0x1000        ; for one call
    mov ax, HOST_DS
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, boot_pml4
    call enter_long_mode
    jmp HOST_CS:start_core64
bits 64
start_core64:
    xor eax, eax
    mov fs, ax
    mov gs, ax
    mov rdi, [start_core_block]         ; the core block; its last bytes are the stack
    lea rsp, [rdi + CORE_BLOCK_BYTES]
    call monitor_core_main
.stop:
    hlt
    jmp .stop

section .rodata
no_long_mode_text: db "osv-monitor: this processor lacks long mode or 1 GiB pages; an AMD server processor is needed", 13, 10, 0
align 8
host_gdt:
    dq 0
    dq 0x00cf9b000000ffff               ; 08h: 32-bit code
    dq 0x00af9b000000ffff               ; 10h: 64-bit code
    dq 0x00cf93000000ffff               ; 18h: data
host_gdt_end:
host_gdt_pointer:
    dw host_gdt_end - host_gdt - 1
    dq host_gdt

section .data
align 8
global __security_cookie
__security_cookie: dq 0

section .bss nobits alloc noexec write align=4096
global boot_pdpts, boot_stack_guard, start_core_block
boot_pml4:  resb 4096
boot_pdpts: resb 4 * 4096
boot_stack_guard: resb 4096             ; unmapped once C# runs
boot_stack: resb 32768
boot_stack_top:
start_core_block: resq 1                ; set by C# before each INIT-SIPI
