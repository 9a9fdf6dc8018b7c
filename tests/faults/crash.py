#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kill appends, imports and publishes at random times, and look.

crash.py DIR [ROUNDS [SEED]]: in each round a writer and a publisher run at
once and each is killed at a time of its own.  What was acknowledged is in the
journal, what is in it stays, a batch is there whole or not at all, and what
is published is a beginning of the journal in whole lines.
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
BATCH, SMALL, LARGE = 4096, 40, 4500
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
appending = usual("append", "ban_publish", text=ban(10**9))
importing = usual("import", text="\n".join(stream[:SMALL]) + "\n")
publishing = usual("publish")
fresh += SMALL
lines.grow()

acked = {"append": 0, "import": 0, "publish": 0}
for number in range(1, ROUNDS + 1):
    before = len(lines.all)
    publish = start("", "publish")
    many = 0
    large = number % 300 in (270, 285)
    if not large and rnd.random() < 0.6:
        writer, took = start(ban(number), "append", "ban_publish"), appending
    else:
        many = LARGE if large else SMALL
        offered = stream[fresh:fresh + many]
        writer = start("\n".join(offered) + "\n", "import")
        took = importing + 0.6 * large
    status, published = kill((writer, took), (publish, publishing))
    # The journal grows and the machine has other work: so that some of each
    # come to their end and some do not.
    publishing *= 0.9 if published == 0 else 1.05
    if many == SMALL:
        importing *= 0.9 if status == 0 else 1.05
    elif not many:
        appending *= 0.9 if status == 0 else 1.05
    more = lines.grow()
    if many:
        if more != offered[:len(more)] or len(more) not in (
                0, BATCH, len(offered)):
            fail("%d of %d: a batch is there in part" % (len(more), many))
        if status == 0 and more != offered:
            fail("an acknowledged import is not there")
        fresh += len(more)
        acked["import"] += status == 0
    else:
        said = lines_of(DIR + "/out.append")
        if said.endswith("\n"):
            acked["append"] += 1
            if len(more) != 1 or '"%064x"' % number not in more[0]:
                fail("an acknowledged append is not there")
    acked["publish"] += published == 0
    check_site(lines, before if published == 0 else 0)
    if number % 25 == 0 or number == ROUNDS:
        tool("verify")
        if tool("export").splitlines() != lines.all:
            fail("the journal's past has changed")

number += 1
tool("publish")
check_site(lines, len(lines.all))
# Below tile/ one goes with the partial tile that it was for.
if any(f.endswith(".new") for top, _, files in os.walk(WWW) for f in files
       if "/tile/" not in top + "/"):
    fail("a publish leaves its draft behind")
for what, count in acked.items():
    if ROUNDS >= 100 and not ROUNDS // 50 < count < ROUNDS:
        fail("%s was acknowledged %d times: no test" % (what, count))
print("ok: %d rounds, %d entries, acknowledged %s" %
      (ROUNDS, len(lines.all), acked))
