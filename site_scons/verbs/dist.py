"""`scons dist`: what others can take away: patched source, sysroot, SBOM and checksums, the same bytes on every build.
"""
from __future__ import annotations

from SCons.Script import COMMAND_LINE_TARGETS, Alias

from verbs.libc import step
from verbs.options import refuse


def declare(env, toolchain) -> None:
    """Declare the target `dist`: files in dist/, named after libc, version and machine."""
    if not any(str(target).split("/")[0] == "dist" for target in COMMAND_LINE_TARGETS):
        return
    if toolchain.sysroot is None:
        refuse(f"libc={toolchain.recipe.name}: there is nothing of ours to pack")
    recipe, version = toolchain.recipe, toolchain.version
    env = env.Clone(RECIPE=str(recipe.path), VERSION=version)
    source = step(env, f"#dist/{recipe.name}-{version}-skete.tar.gz", toolchain.source, "$STEP.dist $SOURCE $TARGET")
    sysroot = step(env, f"#dist/skete-{toolchain.name}.tar.gz", toolchain.sysroot, "$STEP.dist $SOURCE $TARGET")
    sbom = step(env, f"#dist/skete-{toolchain.name}.cdx.json", [source, sysroot, f"#{recipe.patches}/series"],
                "$STEP.sbom $RECIPE $VERSION $SOURCES $TARGET", "patch")
    sums = step(env, "#dist/SHA256SUMS", [source, sysroot, sbom], "$STEP.sums $SOURCES $TARGET")
    Alias("dist", [source, sysroot, sbom, sums])
