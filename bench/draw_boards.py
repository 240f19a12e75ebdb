#!/usr/bin/env python3
"""Boards side by side: a table to read, and a picture of bars.

    mkdir -p bench/results/pi5
    shrike bench --json > bench/results/pi5/bench.json                      # on each board
    bench/draw_boards.py bench/results/*/bench.json --out boards.svg        # anywhere; needs nothing but Python

A board has the name of its file's folder. Of every stage the best that the board can do is shown: with all of its
threads and its best kernels. The table goes to stdout, as Markdown: the figure, and the share of what the board could
do at best. Boards that measured different models are not compared.
"""
import argparse
import json
import pathlib
import sys
from xml.sax.saxutils import escape

COLOURS = ["#2c709d", "#d98324", "#4f8f4a", "#a8423f", "#7a5aa6", "#8a6f4d"]
WIDTH, MARGIN, BAR, GAP, NAME = 1000, 24, 16, 18, 190


class Bad(Exception):
    """A line for people."""


def read(path):
    """A board's name and its report."""
    try:
        report = json.loads(path.read_text())
        for stage in report["stages"]:
            if not (isinstance(stage["stage"], str) and stage["ms"] > 0 and 0 <= stage["share"]):
                raise ValueError
        return path.resolve().parent.name, report
    except OSError as e:
        raise Bad(f"{path}: {e.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise Bad(f"{path}: is no report of `shrike bench --json`") from None


def best(report):
    """stage -> its fastest row, in the order of the report."""
    rows = {}
    for row in report["stages"]:
        if row["stage"] not in rows or row["ms"] < rows[row["stage"]]["ms"]:
            rows[row["stage"]] = row
    return rows


def figure(row):
    return f"{row['ms']:.1f} ms" if row["tokens"] == 0 else f"{1e3 * row['tokens'] / row['ms']:.1f} tok/s"


def speed(row):
    """What is better is larger."""
    return max(row["tokens"], 1) / row["ms"]


def table(boards, stages):
    yield "| | " + " | ".join(name for name, _ in boards) + " |"
    yield "| --- |" + " ---: |" * len(boards)
    yield "| processor | " + " | ".join(report["cpu"] for _, report in boards) + " |"
    for stage in stages:
        cells = [best(report).get(stage) for _, report in boards]
        said = [f"{figure(c)} ({100 * c['share']:.0f} %)" if c else "-" for c in cells]
        yield f"| {stage} | " + " | ".join(said) + " |"
    for what, note in (("throttled", "became slower while it was measured"), ("busy", "did other work too")):
        for name, report in boards:
            if report.get(what):
                yield f"\n{name} {note}."


def text(x, y, words, size=13, anchor="start", colour="#222"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">'
            f"{escape(words)}</text>")


def picture(boards, stages, model):
    """Bars as long as a board is fast, the fastest of each stage whole."""
    top = MARGIN + 34 + 20 * len(boards)
    group = BAR * len(boards) + GAP
    height = top + group * len(stages) + MARGIN
    room = WIDTH - 2 * MARGIN - NAME - 230
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
           text(MARGIN, MARGIN + 10, f"How fast, and what share of the board's best: {model}", 17)]
    for k, (name, report) in enumerate(boards):
        y = MARGIN + 24 + 20 * k
        out.append(f'<rect x="{MARGIN}" y="{y}" width="12" height="12" fill="{COLOURS[k % len(COLOURS)]}"/>')
        out.append(text(MARGIN + 20, y + 11, f"{name}: {report['cpu']}"))
    for i, stage in enumerate(stages):
        rows = [best(report).get(stage) for _, report in boards]
        fastest = max(speed(row) for row in rows if row)
        out.append(text(MARGIN, top + group * i + BAR, stage))
        for k, row in enumerate(rows):
            if not row:
                continue
            y, length = top + group * i + BAR * k, room * speed(row) / fastest
            out.append(f'<rect x="{MARGIN + NAME}" y="{y}" width="{max(1.0, length):.1f}" height="{BAR - 3}" '
                       f'fill="{COLOURS[k % len(COLOURS)]}"/>')
            said = f"{figure(row)}, {100 * row['share']:.0f} % of {row['bound']}"
            out.append(text(MARGIN + NAME + length + 8, y + BAR - 5, said, 12))
    return "\n".join(out + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", type=pathlib.Path, nargs="+", help="bench.json of each board")
    parser.add_argument("--out", type=pathlib.Path, help="the picture, an SVG file")
    args = parser.parse_args()
    try:
        boards = [read(path) for path in args.reports]
        models = {report["model"] for _, report in boards}
        if len(models) > 1:
            raise Bad("the boards measured different models: " + ", ".join(sorted(models)))
        stages = list(dict.fromkeys(stage for _, report in boards for stage in best(report)))
        print("\n".join(table(boards, stages)))
        if args.out:
            args.out.write_text(picture(boards, stages, models.pop()))
    except (Bad, OSError) as e:
        sys.exit(f"draw_boards: {e}")


if __name__ == "__main__":
    main()
