"""The emulator engine: Unicorn, which is QEMU's translator as a library, executes the guest in the monitor's own process.

    library.py     libunicorn, called with ctypes: what is used of it, and where it comes from
    memory.py      guest-physical memory
    processor.py   the one emulated processor: ring 3, hooks, registers, and what stopped it
    brake.py       ends a slice, exactly
    touched.py     the address that a page fault is about
    space.py       AddressSpace: regions, and translations filled on demand
    vcpu.py        Vcpu: a guest thread, a saved state of the processor
    watcher.py     ends a slice of a guest that computes
    engine.py      Engine: threads in turns
"""
