"""Make a sysroot of a built libc: `python -m steps.sysroot RECIPE LIBC OUTPUT --version V --arch A --crt FOLDER
--templates FOLDER [--direct]`.

LIBC is the tar file of steps.libc. Into it go the recipe's files (the compiler wrapper and its specs, from templates),
and our start files in front of the libc's own; crt/README.md says how these are joined. The result can be unpacked
anywhere.
"""
from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from fetch import load_recipe
from steps import archive, step
from steps.patch import newest_member
from steps.plan import Plan, plan
from steps.step import Failure

CRTFLAGS = (    # crt/README.md
    "-std=c99 -Os -nostdinc -ffreestanding -fPIC -fvisibility=hidden -fno-stack-protector -Wall -Wextra "
    "-fno-tree-loop-distribute-patterns -fno-asynchronous-unwind-tables -fcf-protection=none").split()


def command(*words: str) -> None:
    status, said = step.output_of(list(words))
    if status:
        raise Failure(f"{' '.join(words)}\n{said.rstrip()}")


def compile_crt(crt: Path, arch: str, defines: list[str], work: Path) -> list[str]:
    """Compile our start files for an architecture; return the objects, `_start` first."""
    starts = sorted((crt / arch).glob("*.[cS]"))
    if not starts:
        raise Failure(f"{crt / arch}: no start file for {arch}")
    objects = []
    for source in [*starts, *sorted(crt.glob("*.[cS]"))]:
        target = str(work / (source.name + ".o"))
        command("gcc", *CRTFLAGS, *defines, f"-ffile-prefix-map={crt}=crt", f"-I{crt}", "-c", "-o", target, str(source))
        objects.append(target)
    return objects


def wrap(how: Plan, root: Path, objects: list[str], work: Path) -> None:
    """Put our start files in front of each of the libc's that the recipe names."""
    entry = how.crt["entry"]
    for name in how.crt["wrap"]:
        own = root / "lib" / name
        if not own.is_file():
            raise Failure(f"the libc installed no lib/{name}, which the recipe wants wrapped")
        renamed = str(work / name)
        command("objcopy", "--redefine-sym", f"{entry}=__skete_libc_start", str(own), renamed)
        own.unlink()
        command("ld", "-r", "-o", str(own), *objects, renamed)


def render(templates: Path, how: Plan, root: Path, values: dict[str, object]) -> None:
    """Write the recipe's files from their templates; those in bin/ are made executable."""
    import jinja2
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(templates), undefined=jinja2.StrictUndefined,
                                     keep_trailing_newline=True, trim_blocks=True, autoescape=False)
    for path, template in how.files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.write_text(environment.get_template(template).render(values))
        except jinja2.TemplateError as error:
            raise Failure(f"{templates / template}: {type(error).__name__}: {error}") from error
        if Path(path).parts[0] == "bin":
            target.chmod(0o755)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="steps.sysroot")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("libc", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--version", required=True)
    parser.add_argument("--arch", required=True)
    parser.add_argument("--direct", action="store_true", help="with system calls that are jumps")
    parser.add_argument("--crt", type=Path, required=True)
    parser.add_argument("--templates", type=Path, required=True)
    options = parser.parse_args(arguments)
    recipe = load_recipe(options.recipe)
    how = plan(recipe)
    identity = {"name": recipe.name, "version": options.version, "arch": options.arch}
    with step.workspace(options.output.parent, "sysroot") as work:
        root = work / "root"
        archive.extract(options.libc, root)
        defines = [word.format(**identity) for word in how.crt["defines"].split()]
        defines += ["-DSKETE_DIRECT"] if options.direct else []
        wrap(how, root, compile_crt(options.crt.resolve(), options.arch, defines, work), work)
        render(options.templates, how, root, {**identity, **how.macros})
        shutil.rmtree(root / "etc", ignore_errors=True)
        with step.result(options.output) as unfinished:
            archive.pack(root, unfinished, options.output.stem, newest_member(options.libc))


if __name__ == "__main__":
    step.run(main)
