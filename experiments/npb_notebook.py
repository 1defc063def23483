# %% [markdown]
# # What NPB costs under each engine
# The ten programs, static, one thread, natively and under each engine of skete, and natively with other libcs. A ratio is
# how many times as long as native musl's median a run took, by the rate that the program reports. Medians of the
# repetitions, with quartiles.
# %%
import json

data = json.load(open("npb.json"))
print(", ".join(str(value) for value in data["machine"].values()) + f", class {data['class']}")
for row in data["rows"]:
    print(f"{row['benchmark']:3} {row['series']:16} {row['mops']['median']:12,.2f} Mop/s {row['ratio']['median']:8.3f} "
          f"({row['ratio']['low']:.3f} to {row['ratio']['high']:.3f}) of native's time")
for series, mean in data["geometric_means"].items():
    print(f"geometric mean: {series}: {mean:.4f}")
for name, why in data["not_measured"].items():
    print(f"not measured: {name}: {why}")
# %%
import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update({"font.size": 8, "svg.hashsalt": "skete"})
from matplotlib import pyplot

COLOURS = {"process": "#3b6ea8", "kvm": "#e8b27d", "emulator": "#8a6fae",
           "dietlibc native": "#b9c9a2", "glibc native": "#9a9a9a"}
ratios = {(row["benchmark"], row["series"]): row["ratio"] for row in data["rows"]}
names = list(dict.fromkeys(row["benchmark"] for row in data["rows"]))
near = [s for s in COLOURS if s != "emulator" and any((n, s) in ratios for n in names)]
far = [s for s in COLOURS if s == "emulator" and any((n, s) in ratios for n in names)]
panels = [group for group in (near, far) if group]
heights = [len(names) * (0.11 * len(group) + 0.08) + 0.25 for group in panels]
figure, every = pyplot.subplots(len(panels), figsize=(3.5, sum(heights) + 1.3), squeeze=False,
                                gridspec_kw={"height_ratios": heights})


def draw(axes, group):
    """A bar for each benchmark and series, with quartiles; the dotted line is native, the grey its own spread."""
    width = 0.8 / len(group)
    for i, series in enumerate(group):
        for y, name in enumerate(names):
            ratio = ratios.get((name, series))
            if ratio:
                axes.barh(y + (i - (len(group) - 1) / 2) * width, ratio["median"], color=COLOURS[series], height=width * 0.9,
                          xerr=[[ratio["median"] - ratio["low"]], [ratio["high"] - ratio["median"]]],
                          error_kw={"elinewidth": 0.7, "capsize": 1.2}, label=None if y else series)
    axes.axvline(1, color="black", linewidth=0.8, linestyle=":")
    axes.set(yticks=range(len(names)), yticklabels=[name.upper() for name in names], ylim=(len(names) - 0.4, -0.6))
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right"]].set_visible(False)


for axes, group in zip(every[:, 0], panels):
    draw(axes, group)
    if group is far:
        axes.set(xscale="log", xlabel="emulator: times native's time, log scale")
        axes.xaxis.set_major_formatter("{x:g}")
    else:
        for y, name in enumerate(names):
            own = ratios[name, data["native"]]
            axes.fill_betweenx((y - 0.45, y + 0.45), own["low"], own["high"], color="#dddddd", zorder=0, linewidth=0)
        top = max(ratios[n, s]["high"] for n in names for s in group if (n, s) in ratios)
        axes.set(xlim=(0, min(top * 1.05, 4)), xlabel="times native musl's time (grey: its own spread)")
        axes.legend(fontsize=7, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(group),
                    handlelength=1, columnspacing=1)
        for y, name in enumerate(names):            # what does not fit says so inside its bar
            for i, series in enumerate(group):
                if (name, series) in ratios and ratios[name, series]["median"] > 4:
                    axes.text(0.08, y + (i - (len(group) - 1) / 2) * 0.8 / len(group),
                              f"{ratios[name, series]['median']:.1f}, with quartiles {ratios[name, series]['low']:.1f} "
                              f"to {ratios[name, series]['high']:.1f}", va="center", fontsize=6, color="black",
                              bbox={"facecolor": "white", "pad": 0.6, "linewidth": 0})
means = data["geometric_means"]
words = [f"{series} {means[series]:.2f}" if means[series] < 10 else f"{series} {means[series]:.0f}"
         for series in COLOURS if series in means and not series.endswith("native")]
figure.suptitle(f"NPB class {data['class']}, times native's time, geometric\nmeans: " + ", ".join(words), x=0.02, ha="left",
                fontsize=8, fontweight="bold")
figure.tight_layout(pad=0.4)
figure.savefig("npb.svg", metadata={"Date": None})
figure.savefig("npb.png", dpi=200)
print("npb.svg, npb.png")
