#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents spoiled at random, judged by CPython's own parser under our rules.

canon-mutants.py DIR [SEED [COUNT]]: DIR/in has one a line, DIR/out what the
good ones become, DIR/bad the numbers of the lines that must be refused.
"""
import json
import os
import random
import subprocess
import sys

DIR = sys.argv[1]
SEED = sys.argv[2] if len(sys.argv) > 2 else "1"
COUNT = int(sys.argv[3]) if len(sys.argv) > 3 else 20000
FRACTIONS = ("weight", "quorum_threshold")
MAX, DEPTH, KEYS = 2**53 - 1, 16, 256
PIECES = [b"\\u0000", b"\\ud800", b"\\udc00", b"\\ud83d\\ude00", b"\xc0\xaf",
          b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xf4\x90\x80\x80", b"\xff",
          b"-0", b"-", b"01", b"1.0", b"1e5", b"1E400", b"NaN", b"-Infinity",
          b"9007199254740991", b"9007199254740992", b"-9007199254740992",
          b'"', b"'", b"\\", b"\\u12", b"\\x", b"/", b"//", b"[", b"]", b"{",
          b"}", b",", b",,", b":", b"null", b"nul", b"True", b"\x00", b"\x0b",
          b"\x0c", b"\xc2\x85", b"\t", b" ", b"\x1f", b"\x7f", b"\x80",
          b"[" * 15, b'{"a":' * 15, b'"a":1,"a":2', b'"weight":0.5',
          b'"weight":0.50', b'"weight":1e-07', b'"weight":1e-7']
rnd = random.Random(SEED)


class No(Exception):
    pass


class Fraction(float):
    pass


def number(lexeme):
    n = int(lexeme)
    if abs(n) > MAX or lexeme == "-0":
        raise No
    return n


def fraction(lexeme):
    f = Fraction(lexeme)
    if f in (float("inf"), float("-inf")) or repr(float(f)) != lexeme:
        raise No
    return f


def members(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise No
    return found


def no(_):
    raise No


def keys(v):
    if isinstance(v, dict):
        return len(v) + sum(map(keys, v.values()))
    return sum(map(keys, v)) if isinstance(v, list) else 0


def check(v, depth=0, name=None):
    if isinstance(v, Fraction) and name not in FRACTIONS:
        raise No
    if isinstance(v, str) and ("\0" in v or any(
            0xD800 <= ord(c) < 0xE000 for c in v)):
        raise No
    if isinstance(v, (dict, list)) and depth >= DEPTH:
        raise No
    if isinstance(v, list):
        for i in v:
            check(i, depth + 1)
    if isinstance(v, dict):
        for k, i in v.items():
            check(k)
            check(i, depth + 1, k)


def canon(line):
    try:
        text = line.decode("utf-8")
        if not text.isascii() and text[:1] == "\ufeff":
            raise No
        v = json.loads(text, object_pairs_hook=members, parse_int=number,
                       parse_float=fraction, parse_constant=no)
        check(v)
        if keys(v) > KEYS:
            raise No
        return json.dumps(v, sort_keys=True, separators=(",", ":"))
    except (No, ValueError, RecursionError):
        return None


def spoil(line):
    line = bytearray(line)
    for _ in range(rnd.choice([0, 1, 1, 1, 2])):
        at = rnd.randrange(len(line) + 1)
        kind = rnd.randrange(5)
        if kind == 0:
            del line[at:at + rnd.randrange(1, 4)]
        elif kind == 1 and line:
            line[at % len(line)] ^= 1 << rnd.randrange(8)
        elif kind == 2:
            line[at:at] = bytes(line[at:at + rnd.randrange(1, 12)])
        else:
            line[at:at + rnd.choice([0, 0, 1])] = rnd.choice(PIECES)
    return bytes(line).replace(b"\n", b" ")


pairs = subprocess.run(
    [sys.executable, os.path.dirname(__file__) + "/canon-pairs.py", SEED, "400"],
    stdout=subprocess.PIPE, check=True).stdout.split(b"\n")
good = [d for d in pairs[:860:2] if 0 < len(d) < 300]
with open(DIR + "/in", "wb") as into, open(DIR + "/out", "w") as out, \
        open(DIR + "/bad", "w") as bad:
    for n in range(1, COUNT + 1):
        line = spoil(rnd.choice(good))
        into.write(line + b"\n")
        said = canon(line)
        print(n if said is None else said, file=bad if said is None else out)
