; The Linux boot protocol header and the real-mode half of the loader.
; Whoever loads a bzImage can load this file: QEMU -kernel, iPXE, GRUB, pxelinux, kexec.
; Field names follow Documentation/arch/x86/boot.rst of Linux; offsets are from the start of the file.
bits 16
org 0

SETUP_SECTORS equ 4
BOOT_PARAMS   equ 0x2000                ; offset in our segment where the zero page is built
E820_TABLE    equ BOOT_PARAMS + 0x2d0
E820_COUNT    equ BOOT_PARAMS + 0x1e8
E820_MAX      equ 128
STACK_TOP     equ 0xf000

    times 0x1f1 - ($ - $$) db 0         ; 40h-1f0h stay free for a PE/COFF header
setup_sects:    db SETUP_SECTORS
root_flags:     dw 0
syssize:        dd (PAYLOAD_BYTES + 15) / 16
ram_size:       dw 0
vid_mode:       dw 0xffff
root_dev:       dw 0
boot_flag:      dw 0xaa55
    jmp short start                     ; 0x200
header_magic:   db "HdrS"
version:        dw 0x020c
realmode_swtch: dd 0
start_sys_seg:  dw 0
kernel_version: dw 0
type_of_loader: db 0
loadflags:      db 1                    ; LOADED_HIGH
setup_move_size: dw 0
code32_start:   dd 0x100000
ramdisk_image:  dd 0
ramdisk_size:   dd 0
bootsect_kludge: dd 0
heap_end_ptr:   dw 0xe000
ext_loader_ver: db 0
ext_loader_type: db 0
cmd_line_ptr:   dd 0
initrd_addr_max: dd 0xbfffffff
kernel_alignment: dd 0x200000
relocatable_kernel: db 0
min_alignment:  db 21
xloadflags:     dw 1                    ; XLF_KERNEL_64
cmdline_size:   dd 2047
hardware_subarch: dd 0
hardware_subarch_data: dq 0
payload_offset: dd 0
payload_length: dd 0
setup_data:     dq 0
pref_address:   dq 0x100000
init_size:      dd IMAGE_END - 0x100000
handover_offset: dd 0
header_end:

start:
    cld
    mov ax, cs
    sub ax, 0x20                        ; the loader enters at segment + 20h
    mov ds, ax
    mov es, ax
    cli
    mov ss, ax
    mov sp, STACK_TOP
    sti

    mov di, BOOT_PARAMS
    mov cx, 0x1000 / 2
    xor ax, ax
    rep stosw
    mov si, setup_sects
    mov di, BOOT_PARAMS + 0x1f1
    mov cx, header_end - setup_sects
    rep movsb

    mov ax, 0x2401                      ; enable A20
    int 0x15

    xor ebx, ebx                        ; INT 15h E820h: the firmware memory map
    mov di, E820_TABLE
.next_range:
    mov eax, 0xe820
    mov edx, 0x534d4150
    mov ecx, 20
    int 0x15
    jc .ranges_done
    cmp eax, 0x534d4150
    jne .ranges_done
    add di, 20
    inc byte [E820_COUNT]
    cmp byte [E820_COUNT], E820_MAX
    jae .ranges_done
    test ebx, ebx
    jnz .next_range
.ranges_done:
    cli
    xor eax, eax
    mov ax, ds
    shl eax, 4
    mov ebx, eax                        ; linear base of this segment
    lea esi, [eax + BOOT_PARAMS]
    lea eax, [ebx + gdt]
    mov [gdt_base], eax
    lgdt [gdt_pointer]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    mov ax, 0x18
    mov ds, ax
    mov es, ax
    mov ss, ax
    jmp dword 0x10:0x100000             ; the 32-bit entry; esi = boot_params

align 8
gdt:
    dq 0
    dq 0
    dq 0x00cf9b000000ffff               ; 10h: flat 32-bit code, as the boot protocol wants it
    dq 0x00cf93000000ffff               ; 18h: flat data
gdt_pointer:
    dw $ - gdt - 1
gdt_base:
    dd 0
    times (SETUP_SECTORS + 1) * 512 - ($ - $$) db 0
