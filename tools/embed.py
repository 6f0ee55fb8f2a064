#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts text files into a C source: tools/embed.py OUTPUT HEADER SYMBOL FILE...

HEADER declares `struct SYMBOL { const char *name, *text; }` and `extern const struct SYMBOL SYMBOLs[]`, which the output
defines: one row a file in the order given, ended by {NULL, NULL}.
"""
import pathlib
import sys


def literal(text):
    lines = []
    for line in text.splitlines(keepends=True):
        escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\n", "\\n").replace("?", "\\?")
        if not escaped.isascii():
            sys.exit(f"embed: not ASCII: {line!r}")
        lines.append(f'\t "{escaped}"')
    return "\n".join(lines) or '\t ""'


def main():
    output, header, symbol, *files = sys.argv[1:]
    rows = [f'\t{{"{pathlib.Path(f).name}",\n{literal(pathlib.Path(f).read_text())}}},' for f in files]
    body = "\n".join(rows)
    pathlib.Path(output).write_text(
        f'/* Made by tools/embed.py. */\n#include "{header}"\n\nconst struct {symbol} {symbol}s[] = {{\n{body}\n\t{{NULL, NULL}},\n}};\n')


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main()
