# %% [markdown]
# # What a system call costs
# A loop of 10,000 `ioctl(0, TIOCGWINSZ)` where standard input is no terminal (the gate may know that) and where it is
# one (the monitor asks the host), and of `getppid()` that a Python handler answers: natively, and under each engine
# that works on the machine. Caught: the call traps. Rewritten: its site jumps to the engine's gate. Direct: it was compiled
# to jump there. Medians, with quartiles. The rows of 2017 are the notes' and were measured on another machine: compare the
# ratios.
# %%
import json

data = json.load(open("ioctl.json"))
print(", ".join(str(value) for value in data["machine"].values()))
for row in data["rows"]:
    print(f"{row['call']:8} {row['engine']:9} {row['way']:10} {row['cycles']['median']:12,.0f} cycles "
          f"{row['ns']['median']:10,.0f} ns {row['ratio']:9.3g} times native")
for name, why in data["not_measured"].items():
    print(f"not measured: {name}: {why}")
# %%
import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update({"font.size": 8, "svg.hashsalt": "skete"})
from matplotlib import pyplot

OURS, PYTHON, THEIRS, CHEAPER = "#7fa3cf", "#e8b27d", "#9a9a9a", "#1a7f37"


def named(row):
    return "Linux" if row["engine"] == "native" else f"{row['engine']}, {row['way']}"


TITLES = {"ioctl": "ioctl(TIOCGWINSZ), no terminal", "terminal": "ioctl(TIOCGWINSZ) of a terminal",
          "getppid": "getppid, answered by Python"}
def colour_of(row):
    return CHEAPER if row["ratio"] < 0.9 else PYTHON if row["call"] == "getppid" else OURS


bars = [(row["call"], named(row), row["cycles"], colour_of(row)) for row in data["rows"]]
native = next(row["cycles"]["median"] for row in data["rows"] if row["engine"] == "native")
best = min((row for row in data["rows"] if row["call"] == "ioctl" and row["engine"] != "native"),
           key=lambda row: row["ratio"])
labels, places, y = [], [], 0.0
figure, axes = pyplot.subplots(figsize=(3.5, 0.21 * (len(bars) + len(data["of_2017_cycles"])) + 1.5))


def group(title, y):
    axes.text(1.2, y, title, va="center", fontweight="bold")
    return y + 1


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


before = None
for call, label, cycles, colour in bars:
    if call != before:
        y = group(TITLES[call], y + 0.4)
    before = call
    axes.barh(y, cycles["median"], color=colour, height=0.75,
              xerr=[[cycles["median"] - cycles["low"]], [cycles["high"] - cycles["median"]]],
              error_kw={"elinewidth": 0.8, "capsize": 1.5})
    axes.text(max(cycles["high"], cycles["median"]) * 1.3, y, number(cycles["median"]), va="center")
    labels, places, y = [*labels, label], [*places, y], y + 1
y = group("the notes of 2017, another machine", y + 0.4)
for row in data["of_2017_cycles"]:
    axes.barh(y, row["high"], color=THEIRS, alpha=0.45, height=0.75)
    axes.barh(y, row["low"], color=THEIRS, height=0.75)
    text = number(row["low"]) + (f" to {number(row['high'])}" if row["high"] > row["low"] else "")
    axes.text(row["high"] * 1.3, y, text, va="center")
    labels, places, y = [*labels, row["what"]], [*places, y], y + 1
axes.axvline(native, color="black", linewidth=0.8, linestyle=":", zorder=0)
words = f"{1 / best['ratio']:.0f} times cheaper" if best["ratio"] < 1 else f"{best['ratio']:.0f} times dearer"
figure.suptitle(f"ioctl without a terminal, {best['way']}:\n{words} than Linux (dotted)", x=0.02, ha="left",
                fontsize=9, fontweight="bold")
axes.set(xscale="log", xlim=(1, 6e7), ylim=(y - 0.3, -0.3), yticks=places, yticklabels=labels,
         xlabel="cycles per call, log scale")
axes.tick_params(axis="y", length=0)
axes.spines[["top", "right"]].set_visible(False)
figure.tight_layout(pad=0.4)
figure.savefig("ioctl.svg", metadata={"Date": None})
figure.savefig("ioctl.png", dpi=200)
print("ioctl.svg, ioctl.png")
