; More constants than the image may have.
section .rodata
    times 160 * 1024 db 1
