; Interrupts and exceptions: counted by vector, or handed to the probe that expects one.
%include "attacker.inc"
extern attacker_fault, shadow_halt
global first_stubs, second_stubs, first_state, second_state

section .text
bits 64

; %1 = state of the core. Stack: vector, error code, rip, cs, rflags, rsp, ss.
%macro trap_common 1
    push rax
    push rcx
    push rdx
    push rbx
    mov rbx, %1
    mov rcx, [rsp + 48]
    mov [rbx + STATE_LAST_RIP], rcx
    mov rax, shadow_halt
    cmp rcx, rax
    jne %%on_time
    inc qword [rbx + STATE_EARLY]
%%on_time:
    mov rax, [rsp + 32]
    cmp eax, 2
    je %%nmi
    cmp eax, USER_RETURN
    je %%expected
    cmp eax, 32
    jae %%interrupt
    mov ecx, 0x810                      ; vectors 0-31 in service are interrupts after all
    rdmsr
    mov ecx, eax
    mov rax, [rsp + 32]
    bt ecx, eax
    jc %%interrupt
%%expected:
    cmp qword [rbx + STATE_RESUME], 0
    je %%unexpected
    mov [rbx + STATE_VECTOR], rax
    mov rax, [rsp + 40]
    mov [rbx + STATE_ERROR], rax
    mov rax, [rsp + 48]
    mov [rbx + STATE_RIP], rax
    mov rax, cr2
    mov [rbx + STATE_CR2], rax
    mov rax, [rbx + STATE_RESUME]
    mov [rsp + 48], rax
    mov qword [rsp + 56], KERNEL_CS
    mov qword [rsp + 64], 2
    mov rax, [rbx + STATE_RESUME_RSP]
    mov [rsp + 72], rax
    mov qword [rsp + 80], KERNEL_DS
    mov qword [rbx + STATE_RESUME], 0
    jmp %%out
%%unexpected:
    cmp eax, 1
    je %%count
    mov rdi, rsp
    and rsp, -16
    call attacker_fault
%%interrupt:
    cmp eax, 0xff                       ; spurious
    je %%count
    lock inc qword [rbx + STATE_COUNTS + rax * 8]
    mov ecx, 0x80b
    xor eax, eax
    xor edx, edx
    wrmsr
    jmp %%out
%%nmi:
    inc qword [rbx + STATE_NMI_DEPTH]
    mov rcx, [rbx + STATE_NMI_DEPTH]
    cmp rcx, [rbx + STATE_NMI_MOST]
    jbe %%no_more
    mov [rbx + STATE_NMI_MOST], rcx
%%no_more:
    cmp qword [rbx + STATE_NMI_AGAIN], 0
    je %%last
    dec qword [rbx + STATE_NMI_AGAIN]
    mov ecx, 0x830
    mov eax, 0x44400                    ; NMI to itself
    xor edx, edx
    wrmsr
    out 0x80, al                        ; another exit while it waits
%%last:
    dec qword [rbx + STATE_NMI_DEPTH]
    mov eax, 2
%%count:
    lock inc qword [rbx + STATE_COUNTS + rax * 8]
%%out:
    pop rbx
    pop rdx
    pop rcx
    pop rax
    add rsp, 16
    iretq
%endmacro

first_common:
    trap_common first_state
second_common:
    trap_common second_state

%macro stub_table 2                     ; name, common part: 256 stubs, 16 bytes each
align 16
%1:
    %assign v 0
    %rep 256
    align 16
    %if !(v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30)
    push 0
    %endif
    push v
    jmp %2
    %assign v v + 1
    %endrep
%endmacro
stub_table first_stubs, first_common
stub_table second_stubs, second_common

section .bss nobits alloc noexec write align=64
first_state:  resb STATE_BYTES
second_state: resb STATE_BYTES
