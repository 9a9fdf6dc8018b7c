#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kill whoever writes at random times, and look.

crash.py DIR [ROUNDS [SEED]]: in each round a writer (append, one or many;
import; seal; restore of a copy of what is there) and a publisher run at once
and each is killed at a time of its own.  What was acknowledged is in the
journal, what is in it stays, a batch is there whole or not at all, no head of
this box has another's number, and what is published is a beginning of the
journal in whole lines.
"""
import json
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__) + "/../lib")
import entries  # noqa: E402

DIR = sys.argv[1]
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 300
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
BATCH, SMALL, LARGE, GROUP = 4096, 40, 4500, 60
WWW = DIR + "/www"
OLD = ("log/export", "api/v1/annuaire/log/export")

rnd = random.Random(SEED)
os.environ.update(SBX_STATE=DIR, SBX_NOW="2026-07-01T12:00:00Z")


class Lines:
    """What the journal is known to hold, in its order."""

    def __init__(self):
        self.all, self.place = [], {}

    def grow(self):
        more = tool("export", "--from", str(len(self.all) + 1)).splitlines()
        for line in more:
            if line in self.place:
                fail("an entry is in the journal twice")
            self.place[line] = len(self.all)
            self.all.append(line)
        return more


def fail(why):
    sys.exit("round %d of seed %d: %s" % (number, SEED, why))


def tool(*args):
    run = subprocess.run(("sbx-ledger",) + args, stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        fail("%s: status %d: %s" % (args, run.returncode, run.stderr))
    return run.stdout


def start(text, *args):
    path = DIR + "/in." + args[0]
    with open(path, "w") as f:
        f.write(text)
    with open(path) as f, open(DIR + "/out." + args[0], "w") as out:
        return subprocess.Popen(("sbx-ledger",) + args, stdin=f, stdout=out,
                                stderr=subprocess.DEVNULL)


def kill(*runs):
    """Each (process, time it usually takes); their exit statuses."""
    due = sorted((rnd.uniform(0, 1.3 * usual), p) for p, usual in runs)
    began = time.monotonic()
    for when, p in due:
        time.sleep(max(0, began + when - time.monotonic()))
        p.kill()
    return [p.wait() for p, _ in runs]


def ban(n):
    return json.dumps({"ban_id": "%064x" % n, "ip": "192.0.2.1", "severity": 1,
                       "reason": "scan", "expires_at": None})


def lines_of(path):
    try:
        with open(path) as f:
            return f.read()
    except FileNotFoundError:
        return None


def check_site(lines, least):
    text = lines_of(WWW + "/export.jsonl")
    if text is None and least == 0:
        return
    if text is None or (text and not text.endswith("\n")):
        fail("export.jsonl is not whole")
    site = text.splitlines()
    if site != lines.all[:len(site)]:
        fail("published what the journal does not hold")
    if len(site) < least:
        fail("published %d of %d acknowledged" % (len(site), least))
    for name in OLD:
        text = lines_of(WWW + "/" + name)
        if not text.startswith('{"entries":[') or not text.endswith("]}\n"):
            fail(name + " is not whole")
        old = text[12:-3].split(",\n")
        if old != lines.all[:len(old)] or len(old) < least:
            fail(name + " is no beginning of the journal")
    json.loads(lines_of(WWW + "/services"))
    why = entries.checkpoint_fault(WWW, lines.all)
    if why:
        fail(why)


def usual(*args, text=""):
    began = time.monotonic()
    if start(text, *args).wait() != 0:
        fail("%s does not even work alone" % (args,))
    return time.monotonic() - began


number = 0
fresh = 0  # of the stream: not yet offered
stream = entries.bans(ROUNDS * SMALL // 2 + 3 * LARGE, 7)
lines = Lines()
tool("init")
takes = {
    "append": usual("append", "ban_publish", text=ban(10**9)),
    "group": usual("append", "-l", "ban_publish", text="".join(
        ban(10**9 + n) + "\n" for n in range(1, GROUP + 1))),
    "seal": usual("seal"),
    "import": usual("import", text="\n".join(stream[:SMALL]) + "\n"),
    "publish": usual("publish"),
}
tool("backup", DIR + "/copy")
takes["restore"] = usual("restore", DIR + "/copy")
fresh += SMALL
lines.grow()

def check_append(out, payloads, more):
    """What was said to be there is, each once and in the order it came in."""
    if len(more) > len(payloads) or any(
            p not in m for p, m in zip(payloads, more)):
        fail("an append that nobody asked for")
    if out.count("\n") > len(more):
        fail("%d of %d acknowledged appends are there" % (
            len(more), out.count("\n")))


def check_seals(all_lines):
    seqs = [json.loads(line)["payload"]["seq"] for line in all_lines
            if '"payload_type":"SbxHead"' in line]
    if seqs != list(range(1, len(seqs) + 1)):
        fail("heads are numbered %s" % seqs)


WRITERS = {  # how often, and the words
    "append": (30, ("append", "ban_publish")),
    "group": (15, ("append", "-l", "ban_publish")),
    "seal": (10, ("seal",)),
    "restore": (10, ("restore", DIR + "/copy")),
    "import": (35, ("import",)),
}
acked = dict.fromkeys(list(WRITERS) + ["publish"], 0)
tried = dict(acked)
for number in range(1, ROUNDS + 1):
    before = len(lines.all)
    large = number % 300 in (270, 285)
    what = "import" if large else rnd.choices(
        list(WRITERS), [w[0] for w in WRITERS.values()])[0]
    payloads, offered = [], []
    if what in ("append", "group"):
        names = ["%064x" % (1000 * number + n)
                 for n in range(GROUP if what == "group" else 1)]
        payloads = [ban(int(n, 16)) for n in names]
    elif what == "import":
        offered = stream[fresh:fresh + (LARGE if large else SMALL)]
    elif what == "restore":
        tool("backup", DIR + "/copy")
    publish = start("", "publish")
    writer = start("".join(p + "\n" for p in payloads + offered),
                   *WRITERS[what][1])
    status, published = kill((writer, takes[what] + 0.6 * large),
                             (publish, takes["publish"]))
    # The journal grows and the machine has other work: so that some of each
    # come to their end and some do not.
    takes["publish"] *= 0.85 if published == 0 else 1.15
    if not large:
        takes[what] *= 0.8 if status == 0 else 1.25
    # A head that a killed seal left on disk goes in with whoever comes next.
    more = [m for m in lines.grow() if '"payload_type":"SbxHead"' not in m]
    said = lines_of(DIR + "/out." + WRITERS[what][1][0])
    if what == "import":
        if more != offered[:len(more)] or len(more) not in (
                0, BATCH, len(offered)):
            fail("%d of %d: a batch is there in part" % (
                len(more), len(offered)))
        if status == 0 and more != offered:
            fail("an acknowledged import is not there")
        fresh += len(more)
    elif what in ("append", "group"):
        check_append(said, ['"%s"' % n for n in names], more)
        if status == 0 and said.count("\n") != len(names):
            fail("done, and %d of %d said" % (said.count("\n"), len(names)))
    elif what == "restore" and more:
        fail("a restore of what is there adds to it")
    tried[what] += 1
    acked[what] += status == 0
    tried["publish"] += 1
    acked["publish"] += published == 0
    check_site(lines, before if published == 0 else 0)
    if number % 25 == 0 or number == ROUNDS:
        tool("verify")
        if tool("export").splitlines() != lines.all:
            fail("the journal's past has changed")
        check_seals(lines.all)

number += 1
tool("publish")
check_site(lines, len(lines.all))
# Below tile/ one goes with the partial tile that it was for.
if any(f.endswith(".new") for top, _, files in os.walk(WWW) for f in files
       if "/tile/" not in top + "/"):
    fail("a publish leaves its draft behind")
for what, count in acked.items():
    if ROUNDS >= 200 and not 0 < count < tried[what]:
        fail("%s was acknowledged %d times of %d: no test" % (
            what, count, tried[what]))
print("ok: %d rounds, %d entries, acknowledged %s" %
      (ROUNDS, len(lines.all), acked))
