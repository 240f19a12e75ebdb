#!/usr/bin/env python3
"""A contact sheet of the synthetic camera as a PNG; its truth, and questions, as text.

    models/perch/world_sheet.py seed=7,frames=64 --cut 63 --out sheet.png

Needs python3-numpy, python3-pil and the built library perch_world (cmake --build --preset release -t perch_world).
"""
import argparse
import pathlib
import sys

from PIL import Image

sys.path.append(str(pathlib.Path(__file__).parent / "train"))
import world


def sheet(frames, columns, gap=2):
    """Frames [N, height, width, 3] in rows of `columns`."""
    n, height, width, _ = frames.shape
    rows = -(-n // columns)
    image = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + gap) - gap))
    for k, frame in enumerate(frames):
        image.paste(Image.fromarray(frame), (k % columns * (width + gap), k // columns * (height + gap)))
    return image


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", nargs="?", default="", help="as for --source synthetic:...")
    parser.add_argument("--first", type=int, default=0, help="frame to begin with")
    parser.add_argument("--count", type=int, help="frames (default: all)")
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--cut", type=int, action="append", default=[], help="print questions asked after it")
    parser.add_argument("--out", help="PNG to write")
    args = parser.parse_args()
    w = world.World(args.spec)
    truth = w.truth()
    for visit in truth["visits"]:
        print("{first:5}-{last:<5} {size:5} {colour:6} {shape:8} {place}".format(**visit))
    for q in w.questions(args.cut, 0, 0):
        print("{cut:5} {kind:9} {text:50} {answer} (age {age})".format(**q))
    if args.out:
        count = min(args.count or truth["frames"], truth["frames"] - args.first)
        sheet(w.frames(args.first, count), args.columns).save(args.out, optimize=True)


if __name__ == "__main__":
    main()
