# SPDX-License-Identifier: Apache-2.0
"""Of "strace -f -y -e trace=fcntl,pwrite64": how many pages went into the
database FILE, and that each did while nobody else could commit: under the lock
of the writers (byte 120 of the -shm file), or one that shuts out all others."""
import re
import sys

SHARED = 0x40000000 + 2  # sqlite.org/fileformat2.html: the lock bytes
file = sys.argv[1]
writer = alone = False
pages = loose = 0
for line in sys.stdin:
    lock = re.search(r"fcntl\(\d+<(.*?)>, F_(?:OFD_)?SETLKW?, \{l_type=F_(\w+), "
                     r"l_whence=SEEK_SET, l_start=(\d+), l_len=(\d+)\}.*= 0", line)
    if lock:
        path, kind, start, length = lock[1], lock[2], int(lock[3]), int(lock[4])
        end = start + length if length > 0 else 1 << 62
        if path == file + "-shm" and start <= 120 < end:
            writer = kind == "WRLCK"
        if path == file and start <= SHARED < end:
            alone = kind == "WRLCK"
    if re.search(r"pwrite64\(\d+<%s>, " % re.escape(file), line):
        pages += 1
        loose += not writer and not alone
print(pages, loose)
