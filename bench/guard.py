#!/usr/bin/env python3
"""Compares the ratios of a bench with those that were stored: shares of ceilings, gains, scaling.

    guard.py BENCH.json           what fell by more than 5 % is named, and the exit code is 1
    guard.py BENCH.json --store   stores the bench's ratios for its instruction set

Seconds are never compared: they differ from machine to machine and from hour to hour. On a machine
that others use, run it again before you believe it.
"""

import json
import pathlib
import sys

STORED = pathlib.Path(__file__).with_name("ratios.json")
TOLERANCE = 0.05


def ratios(bench):
    """name -> ratio, higher is better"""
    found = {}
    for part in bench["parts"]:
        for row in part["rows"]:
            if part["name"] == "stages":
                found[f"{row['stage']}, {row['shape']}"] = row["share_of_ceiling"]
            elif part["name"] == "pruning":
                found[f"pruning gain, {row['rows_are']}, {row['rows']:,} rows"] = row["gain"]
            elif part["name"] == "steps" and row["threads"] == 1:
                found[f"step of {row['step']}, of the floors"] = row["share_of_floors"]
    return found


def store(isa, measured):
    everything = json.loads(STORED.read_text()) if STORED.exists() else {}
    everything[isa] = {name: round(ratio, 3) for name, ratio in measured.items()}
    STORED.write_text(json.dumps(everything, indent=1, sort_keys=True) + "\n")
    print(f"stored {len(measured)} ratios of {isa}")
    return 0


def compare(isa, measured):
    everything = json.loads(STORED.read_text()) if STORED.exists() else {}
    if isa not in everything:
        print(f"no ratios are stored for {isa}; --store stores these", file=sys.stderr)
        return 2
    fallen = 0
    for name, wanted in everything[isa].items():
        if name not in measured:
            continue
        change = measured[name] / wanted - 1
        mark = "  FALLEN" if change < -TOLERANCE else ""
        fallen += bool(mark)
        print(f"{name:58}{wanted:8.3f}{measured[name]:8.3f}{100 * change:+7.1f} %{mark}")
    print(f"{fallen} of {len(everything[isa])} ratios fell by more than {100 * TOLERANCE:.0f} %")
    return 1 if fallen else 0


def main(arguments):
    if not arguments or arguments[1:] not in ([], ["--store"]):
        sys.exit(__doc__)
    bench = json.loads(pathlib.Path(arguments[0]).read_text())
    act = store if arguments[1:] else compare
    return act(bench["isa"], ratios(bench))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
