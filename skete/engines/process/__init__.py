"""The process engine: a host process executes the guest, its system calls arrive by seccomp notification.

    layout.py   where the engine's own things are in the guest's address space
    stub.c      what runs there: start-up, and the gate for traps; the fast one is linked with it
    stub.py     has them compiled once
    spawn.py    starts a stub and receives its notification listener
    space.py    AddressSpace: mapping and threads, as orders to the gate
    fork.py     a process out of another
    vcpu.py     Vcpu: a slot, and the signal frame behind it
    engine.py   Engine: guest memory, and the loop over notifications
"""
