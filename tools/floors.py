#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The floors of src/: who may include whom, checked, and drawn.

  tools/floors.py --check   exit 1 on the first include that goes up, sideways or round in a circle, and where the
                            arrows of docs/architecture.md are not those of the includes (its line counts may lag)
  tools/floors.py --draw    that picture, from the includes as they are
  tools/floors.py --write   the same, into docs/architecture.md

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
    ["app"],
    ["deploy", "move"],
    ["upkeep"],
    ["api", "cli"],
    ["bin"],
]
FLOOR_OF = {folder: n for n, folders in enumerate(FLOORS) for folder in folders}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
ROW = re.compile(r"^    \d  \w+ +\d+ lines.*\n", re.M)
SRC = pathlib.Path(__file__).resolve().parent.parent / "src"
PAGE = SRC.parent / "docs" / "architecture.md"


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
    if arrows(ROW.findall(PAGE.read_text())) != arrows(drawing()):
        problems.append("docs/architecture.md draws other arrows: tools/floors.py --write")
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


def drawing():
    """The picture's rows, the highest floor first."""
    uses, sizes = {}, {}
    for path in SRC.rglob("*.[ch]"):
        folder = path.relative_to(SRC).parts[0]
        sizes[folder] = sizes.get(folder, 0) + len(path.read_text().splitlines())
    for _, folder, target in includes():
        to = target.split("/")[0]
        if to in FLOOR_OF and to != folder:
            uses.setdefault(folder, set()).add(to)
    rows = []
    for n in range(len(FLOORS) - 1, -1, -1):
        for folder in FLOORS[n]:
            below = " ".join(sorted(uses.get(folder, []), key=lambda f: (-FLOOR_OF[f], f)))
            rows.append(f"    {n}  {folder:<8} {sizes[folder]:>6} lines   {'-> ' + below if below else ''}".rstrip() + "\n")
    return rows


def arrows(rows):
    return [re.sub(r"\d+ lines", "", row).split() for row in rows]


def write():
    text = PAGE.read_text()
    rows = list(ROW.finditer(text))
    PAGE.write_text(text[:rows[0].start()] + "".join(drawing()) + text[rows[-1].end():])


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    elif sys.argv[1:] == ["--draw"]:
        print("".join(drawing()), end="")
    elif sys.argv[1:] == ["--write"]:
        write()
    else:
        sys.exit(__doc__)
