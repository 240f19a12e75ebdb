#!/usr/bin/env python3
"""Frames [n, side, side, 3] u8 (.npy) to a real video file, scaled up, each frame held for its share of time.

    models/perch/make_clip.py tests/data/perch/stream_09_frames.npy --out models/perch/perch-demo.mp4

Needs python3-numpy and python3-opencv.
"""
import argparse

import cv2
import numpy as np


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames")
    parser.add_argument("--out", required=True)
    parser.add_argument("--side", type=int, default=384, help="pixels of the video's sides (default: 384)")
    parser.add_argument("--hold", type=float, default=2.0, help="seconds a frame is held (default: 2)")
    parser.add_argument("--fps", type=int, default=10, help="of the video (default: 10)")
    parser.add_argument("--codec", default="mp4v", help="four characters (default: mp4v)")
    args = parser.parse_args()
    frames = np.load(args.frames)
    writer = cv2.VideoWriter(args.out, cv2.VideoWriter_fourcc(*args.codec), args.fps, (args.side, args.side))
    if not writer.isOpened():
        raise SystemExit(f"make_clip.py: {args.out}: OpenCV writes no {args.codec} here")
    for frame in frames:
        big = cv2.resize(frame, (args.side, args.side), interpolation=cv2.INTER_NEAREST)
        for _ in range(round(args.hold * args.fps)):
            writer.write(big[:, :, ::-1])
    writer.release()


if __name__ == "__main__":
    main()
