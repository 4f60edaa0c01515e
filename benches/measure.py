"""Runs a program and tells what it cost, as the kernel counted it: the last line on standard error, as JSON.

Rust's standard library does not hand out what wait4(2) says of a child, and a crate that does would rebuild half of the
program's dependencies with other features.
"""

import json
import os
import sys
import time

begun = time.monotonic_ns()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(child, 0)
wall = time.monotonic_ns() - begun
print(
    "\n"
    + json.dumps(
        {
            "wall": wall / 1e9,
            "cpu": used.ru_utime + used.ru_stime,
            "peak": used.ru_maxrss * 1024 / 1e6,  # Linux counts kilobytes of 1,024 bytes
            "code": os.waitstatus_to_exitcode(status),
        }
    ),
    file=sys.stderr,
)
