#!/usr/bin/env python3
"""Counts the instructions of a kernel of the generic path under callgrind, and compares the count
with the stored one of the same compiler.

    count_instructions.py VALGRIND PROGRAM COMPILER KERNEL [--store]

PROGRAM is counted_kernels, COMPILER "GNU 12 x86_64", KERNEL score or query. More than 3 % apart:
exit code 1. --store stores the count. A count does not depend on the machine, its load or the
environment, as time does (docs/benchmarking.md).
"""

import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

STORED = pathlib.Path(__file__).parent.parent / "data" / "instruction_counts.json"
TOLERANCE = 0.03


def count(valgrind, program, kernel):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "callgrind.out"
        run = subprocess.run(
            [valgrind, "--tool=callgrind", f"--callgrind-out-file={out}",
             f"--toggle-collect=*::{kernel}_once(*", program],
            capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"{program}: expected to run under {valgrind}, found exit code "
                     f"{run.returncode}:\n{run.stdout}{run.stderr}")
        totals = re.search(r"^totals: (\d+)$", out.read_text(), re.MULTILINE)
    if totals is None or int(totals[1]) == 0:
        sys.exit(f"{program}: expected a call of {kernel}_once, found none")
    return int(totals[1])


def store(compiler, kernel, found):
    counts = json.loads(STORED.read_text()) if STORED.exists() else {}
    counts.setdefault(compiler, {})[kernel] = found
    STORED.write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n")
    print(f"{kernel}: stored {found:,} instructions of {compiler}")
    return 0


def compare(compiler, kernel, found, command):
    stored = json.loads(STORED.read_text())[compiler][kernel]
    change = found / stored - 1
    print(f"{kernel}: stored {stored:,} instructions, found {found:,}: {100 * change:+.2f} %")
    if abs(change) <= TOLERANCE:
        return 0
    print(f"expected at most {100 * TOLERANCE:.0f} % more or fewer. If that is on purpose:\n"
          f"  {command} --store")
    return 1


def main(arguments):
    if len(arguments) < 4 or arguments[4:] not in ([], ["--store"]):
        sys.exit(__doc__)
    valgrind, program, compiler, kernel = arguments[:4]
    found = count(valgrind, program, kernel)
    if arguments[4:]:
        return store(compiler, kernel, found)
    return compare(compiler, kernel, found, shlex.join(["python3", *sys.argv]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
