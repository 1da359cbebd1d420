#!/usr/bin/env python3
"""Draws a bench: roofline.svg and scaling.svg, into a folder.

    pip install matplotlib
    ./dev bench --json > bench.json
    python3 bench/draw.py bench.json docs/pictures
"""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  (after the choice of a backend)

plt.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "fulgurite",
        "font.family": "sans-serif",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#dddddd",
        "legend.frameon": False,
    }
)
INT8, BF16, READS = "#1f5fa8", "#b35c00", "#666666"


def rows(bench, name):
    return next(part["rows"] for part in bench["parts"] if part["name"] == name)


def ceilings(bench):
    isa = "avx2" if bench["isa"] == "avx_vnni" else bench["isa"]
    found = {(r["of"], r["ceiling"]): r["per_second"] for r in rows(bench, "ceilings")}
    memory = [r["per_second"] for r in rows(bench, "ceilings") if r["ceiling"] == "bytes"][-1]
    return found[isa, "int8 multiply-adds"], found[isa, "bf16 multiply-adds"], memory


def placed(step):
    """(stage, multiply-adds a byte, multiply-adds a second, colour) of a step's stages"""
    for stage in step["dense_stages"]:
        macs = stage["int8_macs"] + stage["bf16_macs"]
        if macs and stage["stage"] in ("query", "project", "select"):
            colour = BF16 if stage["bf16_macs"] else INT8
            yield stage["stage"], macs / stage["bytes"], macs / stage["seconds"], colour


def roofline(bench, path):
    int8, bf16, memory = ceilings(bench)
    figure, axes = plt.subplots(figsize=(8, 4.6))
    reach = [0.3, 300]
    for ceiling, name, colour in ((int8, "int8", INT8), (bf16, "bf16", BF16)):
        roof = [min(x * memory, ceiling) / 1e9 for x in (reach[0], ceiling / memory, reach[1])]
        axes.plot([reach[0], ceiling / memory, reach[1]], roof, color=colour, lw=1.5)
        axes.text(reach[1], ceiling / 1e9 * 1.06, f"{name}, {ceiling / 1e9:.0f} GMAC/s",
                  color=colour, ha="right")
    axes.text(reach[0] * 1.1, reach[0] * memory / 1e9 * 1.9, f"memory,\n{memory / 1e9:.0f} GB/s",
              color=READS)
    labelled = set()
    shapes = {"64 x 2 tokens, 2,047 rows": "o", "1 x 1 token, 32,768 rows": "s"}
    for step in rows(bench, "steps"):
        marker = shapes.get(step["step"]) if step["threads"] == 1 else None
        for stage, intensity, rate, colour in placed(step) if marker else ():
            axes.plot(intensity, rate / 1e9, marker, color=colour, ms=6)
            if (stage, intensity > 10) in labelled:
                continue
            labelled.add((stage, intensity > 10))
            left = stage == "query" and intensity > 10  # there select is its neighbour
            axes.annotate(stage, (intensity, rate / 1e9), xytext=(-8 if left else 8, -5),
                          textcoords="offset points", color=colour, ha="right" if left else "left")
    for shape, marker in shapes.items():
        axes.plot([], [], marker, color="#333333", label=shape)
    axes.set(xscale="log", yscale="log", xlim=reach, xlabel="multiply-adds a byte",
             ylabel="GMAC/s, one core", title=f"Stages of a step on {bench['cpu']}")
    axes.legend(loc="lower right")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


def scaling(bench, path):
    figure, panels = plt.subplots(1, 4, figsize=(11, 3.2), sharey=True)
    grown = ("rows", "sequences", "heads", "k")
    for axes, what in zip(panels, grown):
        lines = [r for r in rows(bench, "scaling") if what in r["step"].split()]
        for threads, style in ((1, "o-"), (bench["threads"], "s--")):
            points = [(r[what], 1e3 * r["dense_seconds"]) for r in lines if r["threads"] == threads]
            axes.plot(*zip(*points), style, color=INT8 if threads == 1 else BF16, ms=4,
                      label=f"{threads} thread" + ("s" if threads > 1 else ""))
        axes.set(xscale="log", yscale="log", xlabel=what)
        axes.set_xticks([r[what] for r in lines if r["threads"] == 1])
        axes.get_xaxis().set_major_formatter(
            lambda x, _: f"{x / 1024:.0f}k" if x >= 1024 else f"{x:.0f}"
        )
        axes.minorticks_off()
    panels[0].set_ylabel("step, ms")
    panels[0].legend()
    figure.suptitle("1 sequence, 1 token, 16,384 rows, 64 heads, k 512, but for what grows")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


def main(bench_path, folder):
    bench = json.loads(pathlib.Path(bench_path).read_text())
    out = pathlib.Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    roofline(bench, out / "roofline.svg")
    scaling(bench, out / "scaling.svg")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
