#!/usr/bin/env python3
"""Prints the golden table of test_preprocess.cpp: what Pillow makes of pictures that a formula gives.

usage: /usr/bin/python3 pillow_golden.py      (Debian: python3-pil; the table was made with 9.4.0)
"""
from PIL import Image

SHAPES = [(1, 1, 8), (2, 1, 3), (5, 3, 4), (8, 8, 8), (13, 11, 8), (7, 40, 16), (100, 37, 96), (64, 48, 16),
          (320, 240, 64), (641, 479, 224), (1280, 720, 512), (1919, 1080, 384)]
FILTERS = [("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC), ("lanczos", Image.LANCZOS)]


def picture(width, height):
    """Left half noise, right half a slope with hard edges, all channels different."""
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(3):
                if 2 * x < width:
                    data.append((((x * 73856093) ^ (y * 19349663) ^ (c * 83492791)) * 2654435761 & 0xFFFFFFFF) >> 24)
                else:
                    data.append((x * (c + 1) + y * 2) & 0xFF)
    return Image.frombytes("RGB", (width, height), bytes(data))


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


for width, height, side in SHAPES:
    source = picture(width, height)
    for name, resample in FILTERS:
        out = source.resize((side, side), resample).tobytes()
        print(f"    {{{width}, {height}, {side}, Filter::{name}, 0x{fnv1a(out):016x}}},")
