"""What the OCI image specification says about a layer's whiteouts, in a few lines: the oracle for ours."""
import os
import shutil


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def unpack_layer(layer, target, links=None):
    """Change the folder ``target`` as the layer says."""
    links = {} if links is None else links
    entries = sorted(os.listdir(layer))
    if ".wh..wh..opq" in entries:
        for name in os.listdir(target):
            remove(os.path.join(target, name))
    for name in entries:
        if name.startswith(".wh.") and not name.startswith(".wh..wh."):
            remove(os.path.join(target, name[4:]))
    for name in entries:
        source, there = os.path.join(layer, name), os.path.join(target, name)
        if name.startswith(".wh."):
            continue
        if os.path.isdir(source) and not os.path.islink(source):
            if os.path.islink(there) or not os.path.isdir(there):
                remove(there)
                os.mkdir(there)
            unpack_layer(source, there, links)
        else:
            remove(there)
            inode = os.lstat(source).st_ino
            if inode in links:
                os.link(links[inode], there, follow_symlinks=False)
                continue
            links[inode] = there
            if os.path.islink(source):
                os.symlink(os.readlink(source), there)
            elif os.path.isfile(source):
                shutil.copy(source, there)
            else:
                os.mknod(there, os.lstat(source).st_mode)
        if not os.path.islink(source):
            shutil.copystat(source, there)
