#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The floors of src/: who may include whom, checked, and drawn.

  tools/floors.py --check   exit 1 on the first include that goes up, sideways or round in a circle
  tools/floors.py --draw    the picture of docs/architecture.md, from the includes as they are

A folder stands on one floor. A file includes its own folder and lower floors, always by path ("base/err.h").
"""
import pathlib
import re
import sys

FLOORS = [
    ["base"],
    ["codec", "os"],
    ["pg", "http"],
    ["store", "mail"],
    ["intake", "build", "backup", "release", "run", "serve", "edge", "owndb", "rest", "auth", "realtime", "storage", "jobs", "ai"],
    ["flow"],
    ["api", "cli"],
    ["bin"],
]
FLOOR_OF = {folder: n for n, folders in enumerate(FLOORS) for folder in folders}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
SRC = pathlib.Path(__file__).resolve().parent.parent / "src"


def includes():
    """(file, folder, included path) for every quoted include below src/."""
    for path in sorted(SRC.rglob("*.[ch]")):
        folder = path.relative_to(SRC).parts[0]
        for target in INCLUDE.findall(path.read_text()):
            yield path.relative_to(SRC), folder, target


def check():
    problems, files = [], {}
    for path, folder, target in includes():
        if folder not in FLOOR_OF:
            problems.append(f"{path}: folder {folder} stands on no floor; add it to tools/floors.py")
            continue
        if target == "version.h":  # made by the build
            continue
        to = target.split("/")[0] if "/" in target else None
        if to is None or not (SRC / target).exists():
            problems.append(f'{path}: "{target}" is not a path below src/')
        elif to != folder and FLOOR_OF.get(to, 99) >= FLOOR_OF[folder]:
            problems.append(f"{path} (floor {FLOOR_OF[folder]}) includes {target} (floor {FLOOR_OF.get(to)})")
        else:
            files.setdefault(str(path), []).append(target)
    problems += circles(files)
    for problem in problems:
        print("floors:", problem)
    print(f"floors: {len(files)} files, {sum(map(len, files.values()))} includes, {len(problems)} wrong")
    return 1 if problems else 0


def circles(files):
    """Headers of one folder that include each other in a circle."""
    found, done = [], set()

    def visit(name, trail):
        if name in trail:
            found.append("circle: " + " -> ".join(trail[trail.index(name):] + [name]))
            return
        if name in done:
            return
        for target in files.get(name, []):
            visit(target, trail + [name])
        done.add(name)

    for name in sorted(files):
        visit(name, [])
    return found


def draw():
    uses, sizes = {}, {}
    for path in SRC.rglob("*.[ch]"):
        folder = path.relative_to(SRC).parts[0]
        sizes[folder] = sizes.get(folder, 0) + len(path.read_text().splitlines())
    for _, folder, target in includes():
        to = target.split("/")[0]
        if to in FLOOR_OF and to != folder:
            uses.setdefault(folder, set()).add(to)
    for n in range(len(FLOORS) - 1, -1, -1):
        for folder in FLOORS[n]:
            if folder in sizes:
                below = " ".join(sorted(uses.get(folder, []), key=lambda f: (-FLOOR_OF[f], f)))
                print(f"  {n}  {folder:<8} {sizes[folder]:>6} lines   {'-> ' + below if below else ''}".rstrip())


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    if sys.argv[1:] == ["--draw"]:
        draw()
        sys.exit(0)
    sys.exit(__doc__)
