#!/usr/bin/env python3
"""Writes unicode_ranges.hpp: which code points are letters (L*), numbers (N*) and punctuation (P*).

    python3 core/model/make_unicode_ranges.py > core/model/unicode_ranges.hpp
"""
import unicodedata


def ranges(major):
    out, first = [], None
    for cp in range(0x110001):
        inside = cp < 0x110000 and unicodedata.category(chr(cp))[0] == major
        if inside and first is None:
            first = cp
        elif not inside and first is not None:
            out.append((first, cp - 1))
            first = None
    return out


print("#pragma once\n")
print("#include <cstdint>\n")
version = unicodedata.unidata_version
print(f"// Made by make_unicode_ranges.py from Unicode {version}; first and last code point of each run.")
print("namespace shrike::unicode {\n")
print("struct Range {\n  std::uint32_t first, last;\n};\n")
for name, major in (("kLetters", "L"), ("kNumbers", "N"), ("kPunctuation", "P")):
    items = ["{0x%X, 0x%X}" % r for r in ranges(major)]
    print(f"inline constexpr Range {name}[] = {{")
    line = "   "
    for item in items:
        if len(line) + len(item) + 2 > 110:
            print(line)
            line = "   "
        line += " " + item + ","
    print(line)
    print("};\n")
print("}  // namespace shrike::unicode")
