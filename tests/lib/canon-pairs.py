#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pairs of lines: a document written oddly, and what CPython makes of it.

canon-pairs.py [SEED [COUNT]]: random documents, then every power of two as
a fraction, where a shortest form is easy to get wrong.
"""
import json
import random
import struct
import sys

rnd = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
count = int(sys.argv[2]) if len(sys.argv) > 2 else 1500
FRACTIONS = ("weight", "quorum_threshold")
SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n",
         "\r": "\\r", "\t": "\\t", "/": "\\/"}
EDGES = [1, 0x1F, 0x20, 0x22, 0x2F, 0x5C, 0x7E, 0x7F, 0x80, 0x7FF, 0x800,
         0xD7FF, 0xE000, 0xFEFF, 0xFFFD, 0xFFFF, 0x10000, 0x10FFFF]


def char():
    if rnd.random() < 0.2:
        return chr(rnd.choice(EDGES))
    while True:
        cp = rnd.randrange(1, rnd.choice([0x80, 0x80, 0x800, 0x10000, 0x110000]))
        if not 0xD800 <= cp < 0xE000:
            return chr(cp)


def text():
    return "".join(char() for _ in range(rnd.randrange(8)))


def escape(c):
    odd = rnd.random()
    if odd < 0.2 and c in SHORT:
        return SHORT[c]
    if odd < 0.5 or ord(c) < 0x20 or c in '"\\':
        units = c.encode("utf-16-be")
        return "".join("\\u%0*{}".format(rnd.choice("xX")) % (4, u)
                       for (u,) in struct.iter_unpack(">H", units))
    return c


def odd_text(s):
    return '"' + "".join(escape(c) for c in s) + '"'


def fraction():
    while True:
        d = rnd.choice([
            lambda: struct.unpack("<d", rnd.randbytes(8))[0],
            lambda: round(rnd.random(), rnd.randrange(18)),
            lambda: rnd.uniform(-1e17, 1e17),
            lambda: float(rnd.randrange(-10**6, 10**6))])()
        if d == d and abs(d) != float("inf"):
            return d


def value(depth, name=None):
    kind = rnd.randrange(8 if depth < 6 else 6)
    if name in FRACTIONS and rnd.random() < 0.8:
        return fraction()
    if kind == 0:
        return rnd.choice([None, True, False])
    if kind <= 2:
        bits = rnd.randrange(1, 54)
        return rnd.randrange(-2**bits + 1, 2**bits)
    if kind <= 5:
        return text()
    if kind == 6:
        return [value(depth + 1) for _ in range(rnd.randrange(5))]
    names = {text() for _ in range(rnd.randrange(6))}
    if rnd.random() < 0.3:
        names.add(rnd.choice(FRACTIONS))
    names = list(names)
    rnd.shuffle(names)
    return {n: value(depth + 1, n) for n in names}


def space():
    return "".join(rnd.choice(" \t\r") for _ in range(max(0, rnd.randrange(-4, 3))))


def odd(v):
    if isinstance(v, str):
        out = odd_text(v)
    elif isinstance(v, list):
        out = "[" + ",".join(odd(i) for i in v) + space() + "]"
    elif isinstance(v, dict):
        out = "{" + ",".join(space() + odd_text(n) + space() + ":" + odd(i)
                             for n, i in v.items()) + space() + "}"
    else:
        out = json.dumps(v)
    return space() + out + space()


def pair(v):
    sys.stdout.buffer.write(odd(v).encode() + b"\n")
    print(json.dumps(v, sort_keys=True, separators=(",", ":")), flush=True)


for _ in range(count):
    pair({"v": value(0), "w": value(0)})
for k in range(-1074, 1024):
    pair({"weight": 2.0 ** k})
