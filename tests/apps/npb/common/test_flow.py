"""The starting field and the operator R, point by point, against the formulas written out plainly."""
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
C1, C2, MU, KAPPA, SIGMA = 1.4, 0.4, 0.1, 1.96, 0.25
DIFFUSION = (0.75, 0.75, 1.0)
E = ((2, 0, 0, 4, 5, 3, .5, .02, .01, .03, .5, .4, .3),
     (1, 0, 0, 0, 1, 2, 3, .01, .03, .02, .4, .3, .5),
     (2, 2, 0, 0, 0, 2, 3, .04, .03, .05, .3, .5, .4),
     (2, 2, 0, 0, 0, 2, 3, .03, .05, .04, .2, .1, .3),
     (5, 4, 3, 2, .1, .4, .3, .05, .04, .03, .1, .3, .2))


def exact(x: float, y: float, z: float) -> list[float]:
    """Powers 1 to 4 of x, y and z alternate after the constant."""
    return [e[0] + sum(e[1 + 3 * (p - 1) + d] * c**p for p in range(1, 5) for d, c in enumerate((x, y, z))) for e in E]


def start(x: float, y: float, z: float) -> list[float]:
    """The blend of the six faces."""
    faces = [((1 - t) * a + t * b) for t, lo, hi in ((x, exact(0, y, z), exact(1, y, z)), (y, exact(x, 0, z), exact(x, 1, z)),
                                                     (z, exact(x, y, 0), exact(x, y, 1))) for a, b in zip(lo, hi, strict=True)]
    return [1 - (1 - faces[m]) * (1 - faces[m + 5]) * (1 - faces[m + 10]) for m in range(5)]


def flux(u: list[float], d: int) -> list[float]:
    """F of direction d."""
    kinetic = (u[1]**2 + u[2]**2 + u[3]**2) / (2 * u[0])
    w = u[d + 1] / u[0]
    out = [u[d + 1], u[1] * w, u[2] * w, u[3] * w, (C1 * u[4] - C2 * kinetic) * w]
    out[d + 1] += C2 * (u[4] - kinetic)
    return out


def stress(u: list[float], d: int) -> list[float]:
    """V of direction d."""
    v = [u[m] / u[0] for m in (1, 2, 3)]
    q = sum(c * c for c in v) / 2
    return [0, *(MU * (4 / 3 if m == d else 1) * v[m] for m in range(3)),
            MU * ((1 - KAPPA) * q + v[d]**2 / 6 + KAPPA * u[4] / u[0])]


def fourth(p: int, n: int) -> dict[int, int]:
    """The weights of D4 at index p by index."""
    if p == 1:
        return {1: 5, 2: -4, 3: 1}
    if p == 2:
        return {1: -4, 2: 6, 3: -4, 4: 1}
    if p == n - 3:
        return {n - 5: 1, n - 4: -4, n - 3: 6, n - 2: -4}
    if p == n - 2:
        return {n - 4: 1, n - 3: -4, n - 2: 5}
    return {p - 2: 1, p - 1: -4, p: 6, p + 1: -4, p + 2: 1}


def operator(u: dict, at: tuple[int, int, int], n: int) -> list[float]:
    """R at one interior point."""
    total = [0.0] * 5
    for d in range(3):
        def there(p, d=d):
            return u[tuple(p if axis == d else at[axis] for axis in range(3))]
        p, t1, t2 = at[d], (n - 1)**2, (n - 1) / 2
        before, here, after = there(p - 1), there(p), there(p + 1)
        for m in range(5):
            total[m] += (-t2 * (flux(after, d)[m] - flux(before, d)[m])
                         + t1 * (stress(after, d)[m] - 2 * stress(here, d)[m] + stress(before, d)[m])
                         + DIFFUSION[d] * t1 * (after[m] - 2 * here[m] + before[m])
                         - SIGMA * sum(weight * there(q)[m] for q, weight in fourth(p, n).items()))
    return total


# 8 and 16 fill whole vectors; the others leave padding of every kind.
@pytest.mark.parametrize("n", [6, 7, 8, 9, 13, 16])
@pytest.mark.parametrize("width", ["sse2", "avx2", "avx512"])
def test_field_and_operator(npb, n, width):
    program = npb.compile(f"operator-{width}", [HERE / "operator.c", *npb.solver], npb.width(width))
    lines = subprocess.run([str(program), str(n)], capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    u, r = {}, {}
    for line in lines:
        words = line.split()
        at = tuple(map(int, words[:3]))
        u[at], r[at] = [float(w) for w in words[3:8]], [float(w) for w in words[8:]]
    assert len(u) == n**3
    for at in u:
        inside = all(0 < c < n - 1 for c in at)
        x, y, z = (c / (n - 1) for c in at)
        assert u[at] == pytest.approx((start if inside else exact)(x, y, z), rel=1e-12), at
        if inside:
            assert r[at] == pytest.approx(operator(u, at, n), rel=1e-9, abs=1e-9), at
        else:
            assert r[at] == [0.0] * 5, at
