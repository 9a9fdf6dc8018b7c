#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Let each system call that keeps something fail in turn, and look.

inject.py DIR VERB: run sbx-ledger VERB (append, import, publish, ...) under
strace(1) once for every write, sync, rename, open and truncation it makes and
for each of: an error, a full disk, a kill -9 in its place.  What stands after
it is the old or the new, whole; the status is 4; a good run then gives what
a good run always gives.
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__) + "/../lib")
import entries  # noqa: E402

BASE, VERB = os.path.realpath(sys.argv[1]), sys.argv[2]
CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "renameat2",
         "openat", "ftruncate", "mkdir", "mkdirat", "link", "linkat", "unlink",
         "unlinkat", "fchmod")
FULL = ("write", "pwrite64", "openat", "ftruncate", "rename", "renameat2",
        "mkdir")
# A sanitized build looks for leaks by ptrace(2), which strace has already.
# With --seccomp-bpf the kernel stops at what is traced alone; an injected
# signal does not arrive then.
STRACE = ("strace", "-f")
ENV = dict(os.environ, SBX_NOW="2026-07-01T12:00:00Z", LC_ALL="C",
           ASAN_OPTIONS="detect_leaks=0")
# Dated, so that the same line is the same entry when it is given again.
BAN = ('{"ban_id":"%064x","created_at":"2026-07-01T12:00:00+00:00",'
       '"expires_at":null,"ip":"192.0.2.1","reason":"scan","severity":1}\n')
ROWS = "\n".join(entries.bans(20, 3)) + "\n"
INPUT = {"append": BAN % 7, "import": ROWS,
         "group": BAN % 7 + BAN % 8 + BAN % 9}.get(VERB, "")
ARGS = {"append": ["append", "ban_publish"],
        "group": ["append", "-l", "ban_publish"],
        "restore": ["restore", BASE + "/copy"]}.get(VERB, [VERB])


def run(state, args, text="", trace=()):
    with open(state + ".in", "w") as f:
        f.write(text)
    with open(state + ".in") as f:
        return subprocess.run([*trace, "sbx-ledger", *args], stdin=f,
                              capture_output=True, text=True, timeout=60,
                              env=dict(ENV, SBX_STATE=state))


def good(state, *args, text=""):
    done = run(state, args, text)
    if done.returncode != 0:
        raise AssertionError("%s: status %d: %s" % (
            args, done.returncode, done.stderr))
    return done.stdout


def tree(state):
    """Everything that is kept but the database, whose rows export shows."""
    found = {}
    for top, _, files in os.walk(state):
        for name in files:
            path = os.path.join(top, name)
            if not name.startswith("ledger.db"):
                with open(path, "rb") as f:
                    found[os.path.relpath(path, state)] = f.read()
    return found


def lines(state):
    if not os.path.exists(state + "/ledger.db"):
        return ""
    return good(state, "export")


def prepare():
    state = BASE + "/start"
    os.mkdir(state, 0o700)
    if VERB == "init":
        return state
    good(state, "init")
    good(state, "append", "ban_publish", text=BAN % 1)
    if VERB == "publish":
        good(state, "publish")
        good(state, "append", "ban_publish", text=BAN % 2)
    if VERB == "restore":
        good(state, "backup", BASE + "/copy")
        good(state, "import", text=ROWS)
    return state


def traced(state):
    """The calls to fail: (name, count of that name, what it is about)."""
    log = BASE + "/trace"
    done = run(state, ARGS, INPUT, (
        *STRACE, "-y", "-s", "0", "-o", log,
        "-e", "trace=" + ",".join(CALLS)))
    if done.returncode != 0:
        raise AssertionError("strace: " + done.stderr)
    calls, count, main = [], dict.fromkeys(CALLS, 0), None
    with open(log) as f:
        for line in f:
            m = re.match(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<rest>.*)", line)
            main = main or (m and m["pid"])
            # strace counts each thread's by themselves; the others only read.
            if not m or m["pid"] != main or m["name"] not in count:
                continue
            count[m["name"]] += 1
            if " = -1 EEXIST" in line:
                continue
            about = re.search(r'^\d+<([^>]*)>|"([^"]*)"', m["rest"])
            path = about[1] or about[2]
            if path.startswith(state) or m["rest"].startswith("1<"):
                calls.append((m["name"], count[m["name"]], path[len(state):]
                              if path.startswith(state) else "stdout"))
    return calls


def check_order(calls):
    """Nothing gets its name, or is acknowledged, before it is on the disk."""
    dirty, passed = set(), {"/ledger.db", "/ledger.db-shm"}
    for name, when, path in calls + [("write", 0, "stdout")]:
        if "sync" in name or name == "unlink":
            dirty.discard(path or "/")
        elif name.startswith("rename"):
            if path in dirty:
                raise AssertionError(path + " is renamed before it is synced")
            dirty.add(os.path.dirname(path))
        elif name == "mkdir":
            dirty.add(os.path.dirname(path))
        elif path != "stdout" and "write" in name:
            dirty.add(path)
        elif path == "stdout" and dirty - passed:
            raise AssertionError("done, but not synced: %s" % (dirty - passed))


def must_fail(calls, i):
    """What SQLite does after the commit (copying the log into the database)
    may fail unseen: the next one to open it does it again."""
    name, _, path = calls[i]
    into = next((n for n, c in enumerate(calls)
                 if c[0] == "pwrite64" and c[2] == "/ledger.db"), len(calls))
    if i >= into and "ledger.db" in path:
        return False
    if "sync" in name and i + 1 == into:
        return False
    # Nor does it mind a directory that cannot be synced.
    if name == "fdatasync" and path == "":
        return False
    return name in ("write", "fsync", "fdatasync", "rename", "renameat2")


def attempt(job):
    i, how = job
    name, when, path = calls[i]
    what = "%s %d (%s) %s" % (name, when, path, how)
    state = "%s/%d%s" % (BASE, i, how)
    # Which of verify's threads opens the database is for the scheduler: the
    # last call of a thread may not come, and is then waited for again.
    for _ in range(20):
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(start, state)
        done = run(state, ARGS, INPUT, (
            *STRACE, *(() if how == "KILL" else ("--seccomp-bpf",)),
            "-o", state + ".trace", "-e", "trace=" + name, "-e",
            "inject=%s:%s:when=%d" % (name, "signal=KILL" if how == "KILL" else
                                      "error=" + how, when)))
        with open(state + ".trace") as f:
            injected = f.read().count("(INJECTED)")
        if name != "openat" or injected or (
                how == "KILL" and done.returncode != 0):
            break
    try:
        if how != "KILL" and injected != 1:
            raise AssertionError("was not injected")
        judge(state, done, how, name, must_fail(calls, i))
    except (AssertionError, OSError, ValueError) as e:
        return "%s: %s" % (what, e)
    finally:
        shutil.rmtree(state)
        os.unlink(state + ".trace")
    return None


def judge(state, done, how, name, must):
    if how == "KILL":
        if done.returncode not in (-9, 137):
            raise AssertionError("was not killed")
    elif done.returncode not in ((4,) if must else (0, 4)):
        raise AssertionError("status %d: %s" % (done.returncode, done.stderr))
    elif done.returncode == 4 and not re.match(r"sbx-ledger: [^\n]+\n(sbx-ledge"
                                               r"r: [^\n]+\n)*$", done.stderr):
        raise AssertionError("no reason: " + repr(done.stderr))
    acked = done.returncode == 0
    have, kept = lines(state) if VERB != "init" else "", tree(state)
    if VERB != "init":
        if have not in (old_lines, new_lines) or acked and have != new_lines:
            raise AssertionError("the journal is neither old nor new")
        good(state, "verify")
        why = entries.checkpoint_fault(state + "/www", have.splitlines())
        if why:
            raise AssertionError(why)
    if how == "KILL" or "unlink" in name:
        # A draft, or what nobody asks for any more: the next one takes it.
        kept = {p: data for p, data in kept.items() if p in new_tree or
                not re.search(r"\.new$|\.p/\d+$", p)}
    for path, data in kept.items():
        if VERB != "init" and data not in (
                old_tree.get(path), new_tree.get(path)):
            raise AssertionError(path + " is neither old nor new")
    if acked and VERB != "init" and kept != new_tree:
        raise AssertionError("done, but not what a good run gives")
    said = good(state, *ARGS, text=INPUT)
    if VERB == "init":
        if good(state, "whoami") != said or good(state, "init") != said:
            raise AssertionError("a second init is another node")
        good(state, "verify")
        if set(tree(state)) != set(new_tree):
            raise AssertionError("left: %s" % (
                set(tree(state)) ^ set(new_tree)))
    elif lines(state) != new_lines or tree(state) != new_tree:
        raise AssertionError("a good run gives something else: %s" % sorted(
            set(tree(state)) ^ set(new_tree)))


start = prepare()
old_lines, old_tree = lines(start), tree(start)
new = BASE + "/new"
shutil.copytree(start, new)
good(new, *ARGS, text=INPUT)
new_lines, new_tree = lines(new), tree(new)
count = BASE + "/count"
shutil.copytree(start, count)
calls = traced(count)
check_order(calls)
jobs = [(i, how) for i, c in enumerate(calls) if c[0] in CALLS for how in
        ("EIO", "ENOSPC", "KILL") if how != "ENOSPC" or c[0] in FULL]
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    bad = [b for b in pool.map(attempt, jobs) if b]
if bad:
    sys.exit("\n".join(bad))
if len(jobs) < 30:
    sys.exit("only %d faults: no test" % len(jobs))
print("ok: %d faults in %d calls" % (len(jobs), len(calls)))
