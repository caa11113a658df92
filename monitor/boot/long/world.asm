; The world switch, the trap stubs, and how a core waits.
%include "layout.inc"
extern monitor_exit, monitor_trap
global world_loop, trap_stubs, park_until_nmi, take_pending

section .text
bits 64

%macro each_gpr 1
    %1 rbx, CORE_RBX
    %1 rcx, CORE_RCX
    %1 rdx, CORE_RDX
    %1 rsi, CORE_RSI
    %1 rbp, CORE_RBP
    %assign i 8
    %rep 8
    %1 r %+ i, CORE_R8 + (i - 8) * 8
    %assign i i + 1
    %endrep
%endmacro
%macro load_gpr 2
    mov %1, [rdi + %2]
%endmacro
%macro save_gpr 2
    mov [rdi + %2], %1
%endmacro
%macro load_xmm 0
    %assign i 0
    %rep 16
    movaps xmm %+ i, [rdi + CORE_XMM + i * 16]
    %assign i i + 1
    %endrep
%endmacro
%macro save_xmm 0
    %assign i 0
    %rep 16
    movaps [rdi + CORE_XMM + i * 16], xmm %+ i
    %assign i i + 1
    %endrep
%endmacro

%macro push_gpr 2
    push %1
%endmacro

; rdi = core block. Runs the guest for ever; monitor_exit handles each exit and returns when the guest may go on.
; RAX, RSP, RIP, RFLAGS and the segments travel in the VMCB (APM vol. 2, 15.5.1); FS, GS, TR, LDTR and the
; system-call MSRs stay in the processor, the monitor never uses them.
world_loop:
    sub rsp, 8                          ; 16-byte alignment at the call below
    clgi
.again:
    load_xmm
    each_gpr load_gpr
    mov rax, [rdi + CORE_VMCB_PA]
    push rdi
    mov rdi, [rdi + CORE_RDI]
    vmrun
    xchg rdi, [rsp]
    pop qword [rdi + CORE_RDI]
    each_gpr save_gpr
    save_xmm
    mov rbx, rdi
    call monitor_exit
    mov rdi, rbx
    jmp .again

; rdi = address of a 32-bit word. Waits with HLT until the word is not zero, or an NMI has come.
; Entered and left with GIF = 0, so that nothing is taken outside this window.
park_until_nmi:
    stgi
.check:
    cmp dword [rdi], 0
    jne .done
.halt:
    hlt
.done:
    clgi
    ret

; After an NMI or SMI exit the event is still pending: let it be taken here, where the NMI stub drops it.
take_pending:
    stgi
    nop
    clgi
    ret

; An NMI that lands before the HLT must not be slept through: move RIP past it.
nmi_stub:
    push rax
    mov rax, park_until_nmi.check
    cmp [rsp + 8], rax
    jb .out
    mov rax, park_until_nmi.halt
    cmp [rsp + 8], rax
    ja .out
    mov rax, park_until_nmi.done
    mov [rsp + 8], rax
.out:
    pop rax
    iretq

; A device or timer interrupt of a guest that is gone: acknowledge and forget.
interrupt_stub:
    push rax
    push rcx
    push rdx
    xor eax, eax
    xor edx, edx
    mov ecx, MSR_X2APIC_EOI
    wrmsr
    pop rdx
    pop rcx
    pop rax
    iretq

; Vectors 0-31 apart from NMI are faults of the monitor itself: print and halt, on this stack.
trap_common:                            ; stack: vector, error code, rip, cs, rflags, rsp, ss
    push rax
    each_gpr push_gpr
    push rdi
    cld
    mov rdi, rsp                        ; r15 comes last on the stack but for rdi
    mov rsi, cr2
    and rsp, -16
    call monitor_trap
.stop:
    hlt
    jmp .stop

align 16
trap_stubs:                             ; 256 stubs, 16 bytes each
%assign v 0
%rep 256
    align 16
%if v == 2
    jmp nmi_stub
%elif v >= 32
    jmp interrupt_stub
%else
%if !(v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30)
    push 0
%endif
    push v
    jmp trap_common
%endif
%assign v v + 1
%endrep
