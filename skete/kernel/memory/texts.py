"""The pages of programs that cannot be written, kept from one execve(2) to the next.

Most of a program is text, and a shell executes the same few programs over and over: their text is copied into guest
memory once, and every process that executes them stands on the same frames (skete.kernel.memory.holders). A file
counts as the same while its inode, its size and its times are (program.key_of).
"""
from __future__ import annotations

__all__ = ["Texts"]

#: files kept; the one executed longest ago goes first
_FILES = 16


class Texts:
    """files: {key: {(offset, length of its content, length): frame}}, the one executed last at the end"""
    __slots__ = ("frames", "ram", "files")

    def __init__(self, frames, ram):
        self.frames, self.ram, self.files = frames, ram, {}

    def used(self, key: tuple) -> dict:
        """The pieces of a file that is about to be executed."""
        pieces = self.files.pop(key, None)
        if pieces is None:
            pieces = {}
            while len(self.files) >= _FILES:
                oldest = next(iter(self.files))
                for (_, _, length), frame in self.files.pop(oldest).items():
                    self.frames.give(frame, length)
        self.files[key] = pieces
        return pieces

    def frame(self, pieces: dict, mapping) -> int:
        """Frames with a mapping's content, held once more for whoever maps them. ENOMEM"""
        key = mapping.offset, len(mapping.content), mapping.length
        frame = pieces.get(key)
        if frame is None:
            frame = pieces[key] = self.frames.take(mapping.length)
            self.ram[frame:frame + len(mapping.content)] = mapping.content
        self.frames.hold(frame, mapping.length)
        return frame
