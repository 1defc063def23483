"""The KVM engine: a virtual machine without a kernel in it executes the guest, in ring 3.

    device.py      /dev/kvm: what is there, and what is missing
    layout.py      guest-physical and ring-0 layout; the stub of ring 0
    memory.py      the file that is guest-physical memory, and KVM's memory slots over it
    tables.py      page tables: leaf entries in, leaf entries out
    space.py       AddressSpace: regions, page tables filled on demand, threads
    processor.py   one vcpu of KVM's: its registers, entering and leaving
    fpu.py         XSAVE areas as signal frames have them
    vcpu.py        Vcpu: a guest thread, on a processor
    threads.py     host threads that run processors, and the one that ends a wait
    runner.py      which host thread runs a processor
    trial.py       what differs between one KVM and another is tried
    gates.py       where the gate and its memory are
    stops.py       what a processor has stopped for
    meter.py       processor time of the thread that the monitor runs itself
    engine.py      Engine: the machine, and the loop over what its processors stop for
    report.py      the last words of a machine that died
"""
