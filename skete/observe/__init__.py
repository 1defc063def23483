"""Observers of the trap stream: trace and statistics. And the printed system call table.

Nothing is imported here: a run without an observer must not pay for one.
"""
