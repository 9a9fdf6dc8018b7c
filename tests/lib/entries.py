#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Signed entries, one a line, made without a line of our own code.

entries.py COUNT [AUTHORS [FIRST]]: bans number FIRST and on, by AUTHORS
authors in turn, dated every five minutes from 2026-01-01 on.
"""
import base64
import ctypes
import datetime
import hashlib
import json
import os
import sys

sodium = ctypes.CDLL("libsodium.so.23")
sodium.sodium_init()
FIRST = datetime.datetime(2026, 1, 1)


class Author:
    def __init__(self, n):
        self.pub = ctypes.create_string_buffer(32)
        self.key = ctypes.create_string_buffer(64)
        seed = hashlib.sha256(b"author %d" % n).digest()
        sodium.crypto_sign_seed_keypair(self.pub, self.key, seed)
        digest = hashlib.sha256(self.pub.raw).hexdigest()
        self.did = "did:plc:" + digest[:32]

    def entry(self, op, kind, payload):
        text = canon(payload)
        sig = ctypes.create_string_buffer(64)
        sodium.crypto_sign_detached(sig, None, text,
                                    ctypes.c_ulonglong(len(text)), self.key)
        return canon({"author": self.did, "author_pubkey": self.pub.raw.hex(),
                      "op": op, "payload": payload, "payload_type": kind,
                      "sig": sig.raw.hex()}).decode()

    def ban(self, n, when=None, reason="scan"):
        when = when or "%s.000000+00:00" % (
            FIRST + datetime.timedelta(minutes=5 * n)).isoformat()
        return self.entry("ban_publish", "BanRecord", {
            "ban_id": "%064x" % n, "created_at": when, "expires_at": None,
            "ip": "10.%d.%d.%d" % (n >> 16 & 255, n >> 8 & 255, n & 255),
            "publisher": self.did, "reason": reason, "severity": 1})


def canon(v):
    return json.dumps(v, sort_keys=True, separators=(",", ":")).encode()


def bans(count, authors=1, first=0):
    who = [Author(n) for n in range(authors)]
    return [who[n % authors].ban(n) for n in range(first, first + count)]


def leaf(line):
    return hashlib.sha256(b"\0" + line.encode()).digest()


def root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()


def checkpoint_fault(www, lines):
    """Why www/checkpoint does not speak of a beginning of lines, or its last
    tile is not there; None: all is well."""
    if not os.path.exists(www + "/checkpoint"):
        return None
    with open(www + "/checkpoint") as f:
        size, head = f.read().split("\n")[1:3]
    size = int(size)
    leaves = [leaf(line) for line in lines[:size]]
    if len(leaves) != size or root(leaves) != base64.b64decode(head):
        return "the checkpoint is of another journal"
    n, width = (size - 1) // 256, (size - 1) % 256 + 1
    path = "%s/tile/0/%03d" % (www, n)
    # A partial tile may be gone once the full one is there.
    if not os.path.exists(path):
        path += ".p/%d" % width
    if not os.path.exists(path):
        return "the checkpoint of %d lacks %s" % (size, path)
    with open(path, "rb") as f:
        if f.read(32 * width) != b"".join(leaves[256 * n:]):
            return "the checkpoint's last tile is another"
    return None


if __name__ == "__main__":
    print("\n".join(bans(*map(int, sys.argv[1:]))))
