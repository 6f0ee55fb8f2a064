#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds locals with a cleanup attribute that a return could reach before they were begun: their cleanup would free what lies on the
stack. Between `struct buf x BUF_CLEANUP;` and the first mention of x there must be no way out of the function.

    tools/begun.py [FILE ...]       every C file of src, tests and fuzz unless named; exit status 1 when something is found
"""
import re
import subprocess
import sys

DECLARED = re.compile(r'^\s*(?:\w+_CLEANUP\s+)?(?:const\s+)?(?:struct\s+)?\w+\s+\**(\w+)(?:\s+\w+_CLEANUP)?\s*;\s*$')
WAY_OUT = re.compile(r'\b(return|goto)\b')


def findings(path):
    lines = open(path, encoding='utf-8').read().split('\n')
    for number, line in enumerate(lines):
        if '_CLEANUP' not in line or line.lstrip().startswith('#'):
            continue
        declared = DECLARED.match(line)
        if declared is None:
            continue
        name = re.compile(r'\b' + declared.group(1) + r'\b')
        for later in lines[number + 1:]:
            if WAY_OUT.search(later) and not name.search(later.split('return')[0]):
                yield f'{path}:{number + 1}: {declared.group(1)} may be cleaned up before it was begun'
                break
            if name.search(later) or later.startswith('}'):
                break


def main():
    paths = sys.argv[1:] or subprocess.run(['git', 'ls-files', 'src/*.c', 'tests/*.c', 'fuzz/*.c'], capture_output=True, text=True,
                                           check=True).stdout.split()
    found = [finding for path in paths for finding in findings(path)]
    print('\n'.join(found) if found else f'{len(paths)} files: what is cleaned up was begun')
    return 1 if found else 0


sys.exit(main())
