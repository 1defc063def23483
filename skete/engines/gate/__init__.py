"""The fast gate: where a program's calls arrive that do not trap. What the process engine and the KVM engine have in common.

    layout.py   where the gate and its memory are in a guest's address space
    fast.S      the gate
    code.py     compiles it, and knows where its parts are
    facts.py    what it answers by itself
    post.py     calls that are posted there
"""
