#!/usr/bin/env python3
"""The learning curve of a training as a picture.

    models/perch/train/learning_curve.py ~/perch/log.csv learning-curve.png

One panel per stage: answers (or pictures) that are wholly right, over steps. Needs python3-pil.
"""
import csv
import sys

from PIL import Image, ImageDraw, ImageFont

TITLES = {"text": "text: answers right, told by the oracle", "eye": "eye: pictures understood",
          "bind": "bind: pictures understood"}
WIDTH, HEIGHT, MARGIN = 560, 300, 48
INK, GREY, LINE = (40, 40, 40), (215, 215, 215), (31, 95, 160)


def read(path):
    """{stage: sorted [(step, minutes, right)]}; a step that was done again after a stop counts once."""
    stages = {}
    with open(path) as file:
        for stage, step, seconds, _, right in csv.reader(file):
            stages.setdefault(stage, {})[int(step)] = (float(seconds) / 60, float(right))
    return {stage: [(step, *row) for step, row in sorted(rows.items())] for stage, rows in stages.items()}


def smooth(values, share=0.5):
    """Lessons of different lengths take turns, so neighbours differ: the mean of what was, fading."""
    mean, out = values[0], []
    for value in values:
        mean += share * (value - mean)
        out.append(mean)
    return out


def panel(draw, left, top, title, rows, font):
    x0, y0, x1, y1 = left + MARGIN, top + MARGIN, left + WIDTH - 16, top + HEIGHT - MARGIN
    last = rows[-1][0]
    draw.text((x0, top + 18), f"{title}   ({rows[-1][1]:.0f} min)", INK, font)
    for tenth in range(0, 11, 2):
        y = y1 - (y1 - y0) * tenth / 10
        draw.line((x0, y, x1, y), GREY)
        draw.text((left + 12, y - 6), f"{10 * tenth:3d} %", INK, font)
    for quarter in range(5):
        x = x0 + (x1 - x0) * quarter / 4
        draw.line((x, y0, x, y1), GREY)
        draw.text((x - 12, y1 + 8), f"{last * quarter // 4}", INK, font)
    draw.text(((x0 + x1) // 2 - 16, y1 + 24), "steps", INK, font)
    place = lambda step, right: (x0 + (x1 - x0) * step / last, y1 - (y1 - y0) * right)
    for step, _, right in rows:
        x, y = place(step, right)
        draw.ellipse((x - 1, y - 1, x + 1, y + 1), (150, 180, 210))
    draw.line([place(row[0], right) for row, right in zip(rows, smooth([r[2] for r in rows]))], LINE, 2)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    stages = read(sys.argv[1])
    image = Image.new("RGB", (2 * WIDTH, (len(stages) + 1) // 2 * HEIGHT), (255, 255, 255))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default()
    for i, stage in enumerate(s for s in TITLES if s in stages):
        panel(draw, i % 2 * WIDTH, i // 2 * HEIGHT, TITLES[stage], stages[stage], font)
    image.save(sys.argv[2])


if __name__ == "__main__":
    main()
