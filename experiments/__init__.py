"""Experiments: each is one command, `scons experiment=NAME`, and leaves data, a notebook and a picture in results/."""
