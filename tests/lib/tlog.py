# SPDX-License-Identifier: Apache-2.0
"""What C2SP says of a log's site, read by itself: tlog-tiles, tlog-checkpoint,
signed-note, tlog-cosignature, RFC 6962.  Nothing of sbx is in it; Ed25519 is
OpenSSL's.

    tlog.py vkey NAME TYPE PUBHEX       a verifier key, TYPE 1 or 4
    tlog.py check DIR VKEY              the whole site; prints SIZE and ROOT
    tlog.py verify NOTE VKEY...         each has signed it; prints the times
    tlog.py cosign NOTE NAME SEEDHEX TIME   the note with a cosignature more
    tlog.py pub SEEDHEX                 the public half
"""
import base64
import hashlib
import os
import re
import struct
import subprocess
import sys
import tempfile

SPKI = bytes.fromhex("302a300506032b6570032100")
PKCS8 = bytes.fromhex("302e020100300506032b657004220420")


def must(ok, what):
    if not ok:
        sys.exit("tlog: " + what)


# ---- Ed25519 ----------------------------------------------------------------

def openssl(args, **files):
    with tempfile.TemporaryDirectory() as d:
        for name, data in files.items():
            with open(os.path.join(d, name), "wb") as f:
                f.write(data)
        return subprocess.run(["openssl"] + args, cwd=d, capture_output=True)


def public(seed):
    out = openssl("pkey -inform DER -in key -pubout -outform DER".split(),
                  key=PKCS8 + seed)
    must(out.returncode == 0, out.stderr.decode())
    return out.stdout[-32:]


def sign(seed, data):
    out = openssl("pkeyutl -sign -rawin -keyform DER -inkey key -in data".split(),
                  key=PKCS8 + seed, data=data)
    must(out.returncode == 0, out.stderr.decode())
    return out.stdout


def verify(pub, sig, data):
    return openssl("pkeyutl -verify -pubin -rawin -keyform DER -inkey key "
                   "-sigfile sig -in data".split(), key=SPKI + pub, sig=sig,
                   data=data).returncode == 0


# ---- signed-note --------------------------------------------------------------

def key_id(name, kind, pub):
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + pub).digest()[:4]


def vkey(name, kind, pub):
    return "%s+%s+%s" % (name, key_id(name, kind, pub).hex(),
                         base64.b64encode(bytes([kind]) + pub).decode())


def read_vkey(text):
    name, ident, data = text.split("+", 2)
    data = base64.b64decode(data, validate=True)
    must(name and not re.search(r"[\s+]", name), "a key's name")
    must(data[0] in (1, 4) and len(data) == 33, "a key's type")
    must(key_id(name, data[0], data[1:]).hex() == ident, "a key's id")
    return name, data[0], data[1:]


def read_note(data):
    text = data.decode("utf-8")
    must(not re.search(r"[\x00-\x09\x0b-\x1f]", text), "a control character")
    at = text.rindex("\n\n")
    body, sigs = text[:at + 1], text[at + 2:]
    must(sigs.endswith("\n"), "the last line does not end")
    out = []
    for line in sigs[:-1].split("\n"):
        m = re.fullmatch("\u2014 ([^\\s+]+) ([A-Za-z0-9+/]+=*)", line)
        must(m, "a signature line: " + line)
        raw = base64.b64decode(m[2], validate=True)
        must(len(raw) > 4 and base64.b64encode(raw).decode() == m[2], "base64")
        out.append((m[1], raw[:4], raw[4:]))
    return body, out


def check_note(data, keys):
    """The body, and of each key the time it says, 0 for a log's."""
    body, sigs = read_note(data)
    times = []
    for name, kind, pub in keys:
        found = [s for n, i, s in sigs if n == name and i == key_id(name, kind, pub)]
        must(len(found) == 1, "%d signatures by %s" % (len(found), name))
        if kind == 1:
            must(verify(pub, found[0], body.encode()), "the signature of " + name)
            times.append(0)
            continue
        must(len(found[0]) == 72, "the length of a cosignature")
        time = struct.unpack(">Q", found[0][:8])[0]
        must(time < 1 << 63, "the time of a cosignature")
        must(verify(pub, found[0][8:], cosigned(time, body)), "the cosignature of " + name)
        times.append(time)
    return body, times


def cosigned(time, body):
    return b"cosignature/v1\ntime %d\n" % time + body.encode()


def checkpoint(body):
    lines = body[:-1].split("\n")
    must(len(lines) >= 3 and all(lines), "three lines at least, none empty")
    must(re.fullmatch("0|[1-9][0-9]*", lines[1]), "the size")
    root = base64.b64decode(lines[2], validate=True)
    must(len(root) == 32 and base64.b64encode(root).decode() == lines[2], "the root")
    return lines[0], int(lines[1]), root


# ---- tlog-tiles ---------------------------------------------------------------

def path_of(level, n, width):
    parts = ["%03d" % (n % 1000)]
    while n >= 1000:
        n //= 1000
        parts.insert(0, "x%03d" % (n % 1000))
    return "tile/%s/%s%s" % (level, "/".join(parts),
                             "" if width == 256 else ".p/%d" % width)


def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def mth(hashes):
    """RFC 6962, 2.1, of leaf hashes, by its words."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return hashlib.sha256(b"\1" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def read(root, path):
    with open(os.path.join(root, path), "rb") as f:
        return f.read()


def split(bundle):
    out = []
    while bundle:
        size = int.from_bytes(bundle[:2], "big")
        must(len(bundle) >= 2 + size, "a bundle ends within an entry")
        out.append(bundle[2:2 + size])
        bundle = bundle[2 + size:]
    return out


def tiles_of(size):
    """(level, n, width) of every tile of a tree of size, level 0 up."""
    level = 0
    while size > 0:
        for n in range((size + 255) // 256):
            yield level, n, min(256, size - n * 256)
        size, level = size // 256, level + 1


def check(root, key):
    name, kind, pub = read_vkey(key)
    body, _ = check_note(read(root, "checkpoint"), [(name, kind, pub)])
    origin, size, want = checkpoint(body)
    must(origin == name, "the key's name is not the origin")
    levels, names = [[]], {}
    for level, n, width in tiles_of(size):
        data = read(root, path_of(level, n, width))
        must(len(data) == 32 * width, "the width of a tile")
        hashes = [data[i:i + 32] for i in range(0, len(data), 32)]
        if level == 0:
            entries = split(read(root, path_of("entries", n, width)))
            must([leaf(e) for e in entries] == hashes, "bundle %d" % n)
            names[("entries", n)] = width
        else:
            below = levels[level - 1]
            must(hashes == [mth(below[256 * i:256 * i + 256]) for i in
                            range(256 * n, 256 * n + width)], "a tile of level %d" % level)
        while len(levels) <= level:
            levels.append([])
        levels[level] += hashes
        names[(str(level), n)] = width
    must(mth(levels[0]) == want, "the root")
    others(root, names)
    print(size, base64.b64encode(want).decode())


def others(root, names):
    """Nothing else is under tile/ but older partial tiles of those."""
    for where, _, files in os.walk(os.path.join(root, "tile")):
        for f in files:
            path = os.path.relpath(os.path.join(where, f), root)
            m = re.fullmatch(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})"
                             r"(?:\.p/([1-9][0-9]{0,2}))?", path)
            must(m, "the path " + path)
            n = int(m[2].replace("x", "").replace("/", ""))
            width = int(m[3] or 256)
            must(path_of(m[1], n, width) == path, "the path " + path)
            must(width <= names.get((m[1], n), 0), "too wide: " + path)
            must(m[3] is None or names[(m[1], n)] < 256, "a full tile's part: " + path)
            whole = read(root, path_of(m[1], n, names[(m[1], n)]))
            must(whole.startswith(read(root, path)), "an older tile: " + path)


def main(verb, *a):
    if verb == "vkey":
        print(vkey(a[0], int(a[1]), bytes.fromhex(a[2])))
    elif verb == "pub":
        print(public(bytes.fromhex(a[0])).hex())
    elif verb == "check":
        check(a[0], a[1])
    elif verb == "verify":
        with open(a[0], "rb") as f:
            print(*check_note(f.read(), [read_vkey(k) for k in a[1:]])[1])
    elif verb == "sign":
        with open(a[0], "rb") as f:
            body = f.read()
        seed = bytes.fromhex(a[2])
        sig = key_id(a[1], 1, public(seed)) + sign(seed, body)
        sys.stdout.buffer.write(body + "\n\u2014 {} {}\n".format(
            a[1], base64.b64encode(sig).decode()).encode())
    elif verb == "cosign":
        with open(a[0], "rb") as f:
            data = f.read()
        body, _ = read_note(data)
        checkpoint(body)
        seed, time = bytes.fromhex(a[2]), int(a[3])
        sig = key_id(a[1], 4, public(seed)) + struct.pack(">Q", time) + \
            sign(seed, cosigned(time, body))
        sys.stdout.buffer.write(data + "\u2014 {} {}\n".format(
            a[1], base64.b64encode(sig).decode()).encode())


main(*sys.argv[1:])
