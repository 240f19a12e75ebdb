#!/usr/bin/env python3
"""A stream of the synthetic camera as a real video file, and questions about it from its truth.

    models/perch/world_clip.py seed=1099511627776,fps=0.5,frames=16,size=384 --codec avc1 --out models/perch/perch-demo

Writes OUT.mp4 (or .avi for MJPG) and OUT.json, a script for `shrike demo --script`. The questions are not chosen: they
are those that the seed gives. Needs python3-numpy, python3-opencv and the built library perch_world.
"""
import argparse
import json
import pathlib
import sys

import cv2

sys.path.append(str(pathlib.Path(__file__).parent / "train"))
import world


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", help="as after --source synthetic:, with fps and frames")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="path without its suffix")
    parser.add_argument("--codec", default="avc1", help="four characters: avc1, mp4v, MJPG (default: avc1)")
    parser.add_argument("--rate", type=int, default=10, help="frames a second of the file (default: 10)")
    parser.add_argument("--questions", type=int, default=5, help="in the middle, and at the end (default: 5)")
    parser.add_argument("--seed", type=int, default=1, help="of the questions (default: 1)")
    args = parser.parse_args()

    w, options = world.World(args.spec), dict(part.split("=") for part in args.spec.split(","))
    fps, n_frames = float(options["fps"]), int(options["frames"])
    frames = w.frames(0, n_frames)
    video = args.out.with_suffix(".avi" if args.codec == "MJPG" else ".mp4")
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*args.codec), args.rate, frames.shape[2:0:-1])
    if not writer.isOpened():
        raise SystemExit(f"world_clip.py: {video}: OpenCV writes no {args.codec} here")
    for frame in frames:
        for _ in range(round(args.rate / fps)):
            writer.write(frame[:, :, ::-1])
    writer.release()

    asked = [q for cut in (n_frames // 2, n_frames - 1) for q in w.questions([cut], args.questions, args.seed)]
    rows = [dict(at_seconds=(q["cut"] + 0.5) / fps, question=q["text"], expected=q["answer"], in_view=q["age"] <= 0)
            for q in asked]
    lines = ",\n    ".join(json.dumps(row) for row in rows)
    about = f'"clip": "{video.name}",\n  "world": "{args.spec}",\n  "video_fps": {fps}'
    args.out.with_suffix(".json").write_text(f'{{\n  {about},\n  "questions": [\n    {lines}\n  ]\n}}\n')


if __name__ == "__main__":
    main()
