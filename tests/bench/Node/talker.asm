; A tenant that prints numbered lines of 100 bytes at an even rate and sleeps in between: a kernel in the format of the Linux boot
; protocol (Documentation/arch/x86/boot.rst, 64-bit), with nothing behind it that a node of a few host cores could not run by the dozen.
; Its command line has two numbers: time-stamp counts from one line to the next, and how many lines.
bits 64
default rel
org 0

SERIAL equ 0x3F8
APIC_EOI equ 0x80B
APIC_SPURIOUS equ 0x80F
APIC_TIMER equ 0x832
APIC_COUNT equ 0x838
APIC_DIVIDE equ 0x83E
TICK equ 0x20                       ; vector of the timer
TICK_COUNTS equ 50_000_000          ; 50 ms under QEMU, whose timer counts nanoseconds
IDT equ kernel + 0x4000             ; memory behind the image, which is zero
STACK equ kernel + 0x8000

%macro place 1
    times %1 - ($ - $$) db 0
%endmacro

    place 0x1F1
    db 1                            ; setup sectors
    dw 0
    dd (end - kernel + 15) / 16     ; size of what is loaded
    place 0x1FE
    dw 0xAA55
    db 0xEB, header_end - 0x202     ; a jump over the header tells its length
    db "HdrS"
    dw 0x20C                        ; protocol 2.12
    place 0x211
    db 1                            ; loaded high
    place 0x22C
    dd 0x7FFF_FFFF                  ; highest address of an initrd
    dd 0x10_0000                    ; alignment
    db 1, 0                         ; relocatable
    dw 1                            ; has a 64-bit entry
    dd 255                          ; longest command line
    place 0x258
    dq 0x10_0000                    ; where it likes to be
    dd 0x1_0000                     ; memory that it uses there
header_end equ $ - $$
    place 1024

kernel:
    times 0x200 db 0
    lea rsp, [STACK]
    mov esi, [rsi + 0x228]          ; boot_params: the command line
    call number
    mov r12, rax                    ; counts of a line
    call number
    mov r13, rax                    ; lines that are left
    xor r15d, r15d                  ; number of the line

    lea rax, [tick]
    lea rdi, [IDT]
    mov [rdi + TICK * 16], ax
    mov word [rdi + TICK * 16 + 2], cs
    mov word [rdi + TICK * 16 + 4], 0x8E00
    shr rax, 16
    mov [rdi + TICK * 16 + 6], ax
    shr rax, 16
    mov [rdi + TICK * 16 + 8], eax
    sub rsp, 16
    mov word [rsp + 6], 4095
    mov [rsp + 8], rdi
    lidt [rsp + 6]
    mov ebx, 0x1FF
    mov ecx, APIC_SPURIOUS
    call write
    mov ebx, 0xB                    ; by one
    mov ecx, APIC_DIVIDE
    call write
    mov ebx, 0x2_0000 | TICK        ; again and again
    mov ecx, APIC_TIMER
    call write
    mov ebx, TICK_COUNTS
    mov ecx, APIC_COUNT
    call write
    call stamp
    mov r14, rax                    ; when the next line is due

.wait:
    call stamp
    cmp rax, r14
    jae .print
    sti
    hlt
    cli
    jmp .wait
.print:
    add rax, r12                    ; from now: a core that had to wait for the host does not catch up in a burst
    mov r14, rax
    inc r15d
    mov eax, r15d
    lea rdi, [line + 6]
    mov ecx, 6
    mov ebx, 10
.digit:
    xor edx, edx
    div ebx
    add dl, '0'
    mov [rdi], dl
    dec rdi
    dec ecx
    jnz .digit
    lea rsi, [line]
    mov ecx, 100
    mov dx, SERIAL
.byte:
    lodsb
    out dx, al
    dec ecx
    jnz .byte
    dec r13
    jnz .wait

    xor ebx, ebx
    mov ecx, APIC_COUNT
    call write
.rest:
    sti
    hlt
    jmp .rest

; The decimal number at rsi, which is moved behind it and what ends it, in rax.
number:
    xor eax, eax
.next:
    movzx ecx, byte [rsi]
    inc rsi
    sub ecx, '0'
    cmp ecx, 9
    ja .done
    lea rax, [rax + rax * 4]
    lea rax, [rcx + rax * 2]
    jmp .next
.done:
    ret

stamp:
    rdtsc
    shl rdx, 32
    or rax, rdx
    ret

; ebx to register ecx.
write:
    mov eax, ebx
    xor edx, edx
    wrmsr
    ret

tick:
    push rax
    push rcx
    push rdx
    xor eax, eax
    xor edx, edx
    mov ecx, APIC_EOI
    wrmsr
    pop rdx
    pop rcx
    pop rax
    iretq

line: db "L000000 ", "0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghi", 10
%if $ - line != 100
%error a line has 100 bytes
%endif
    align 16
end:
