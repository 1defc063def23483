"""The steps of the build: each module is a command, `python -m steps.NAME`, that makes files from files and imports no
SCons.

A step writes its result under another name and renames it when it is whole, so an interrupted step leaves nothing that
could be taken for a result. What it needs on the way lives in a workspace that goes when the step ends.
"""
