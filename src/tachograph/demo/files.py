"""What the catalogue does with a folder or a file. Every step is an action.

A step that fails raises, and its action counts the error; who called it decides what follows.
"""

from __future__ import annotations

import ast
import codecs
import hashlib
import mimetypes
import os
import warnings
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from importlib.util import MAGIC_NUMBER
from typing import NamedTuple

import tachograph as tacho

HEAD_BYTES = 4096
#: How a file begins -> what it is. Names say less: half of a library's files have none that tells.
MAGIC = {
    MAGIC_NUMBER: "python bytecode",
    b"\x7fELF": "elf",
    b"PK\x03\x04": "zip",
    b"\x1f\x8b": "gzip",
    b"\x89PNG": "png",
    b"GIF8": "gif",
    b"!<arch>": "archive",
}


class Content(NamedTuple):
    """What a file holds, as one number that equal files share."""

    digest: str
    size_bytes: int


class Facts(NamedTuple):
    """What a file is; the numbers are of Python sources only."""

    kind: str
    lines: int = 0
    functions: int = 0
    classes: int = 0


def walk(root: str, leave_out: Container[str] = ()) -> Iterator[str]:
    """The paths of all regular files below `root`; links are not followed.

    Folders named in `leave_out` are not entered. One that can't be read is left out too: its
    action has counted the error.
    """
    folders = [root]
    while folders:
        try:
            files, below = list_folder(folders.pop())
        except OSError:
            continue
        folders += [folder for folder in below if os.path.basename(folder) not in leave_out]
        yield from files


@tacho.action("walk_directory")
def list_folder(folder: str) -> tuple[list[str], list[str]]:
    """The files and the folders in one folder, by name."""
    files, folders, skipped = [], [], 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                files.append(entry.path)
            else:
                skipped += 1
    tacho.counter("files.found", unit="files").add(len(files))
    if skipped:
        tacho.counter("files.skipped", unit="files").add(skipped)
    return sorted(files), sorted(folders, reverse=True)


@tacho.action("hash")
def hash_file(path: str) -> Content:
    """Read the whole file and hash it."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size_bytes = file.tell()
    tacho.counter("files.hashed", unit="files").add()
    tacho.counter("bytes.read", unit="B").add(size_bytes)
    return Content(digest, size_bytes)


def describe(path: str) -> Facts:
    """Say what a file is: Python by its syntax tree, anything else by how it begins."""
    return parse(path) if path.endswith(".py") else detect_type(path)


@tacho.action("parse")
def parse(path: str) -> Facts:
    """Count what a Python source defines. Raises SyntaxError for one that is none."""
    with open(path, "rb") as file:
        source = file.read()
    with warnings.catch_warnings():
        # Of old code and its escapes; they are for its author.
        warnings.simplefilter("ignore")
        tree = ast.parse(source, filename=printable(path))
    functions = classes = 0
    for node in ast.walk(tree):
        functions += isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        classes += isinstance(node, ast.ClassDef)
    lines = source.count(b"\n")
    tacho.counter("files.parsed", unit="files").add()
    tacho.counter("lines.parsed", unit="lines").add(lines)
    return Facts("python", lines, functions, classes)


@tacho.action("detect_type")
def detect_type(path: str) -> Facts:
    """What the file is, by its first bytes, then by its name, then by whether it is text."""
    name = printable(path)
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return Facts(kind)
    if not head:
        return Facts("empty")
    if guess := mimetypes.guess_type(name)[0]:
        return Facts(guess)
    return Facts("text" if is_text(head) else "binary")


def is_text(head: bytes) -> bool:
    """Whether a file that begins so is UTF-8. The head may end within a character."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    try:
        return "\0" not in decode(head, len(head) < HEAD_BYTES)
    except UnicodeDecodeError:
        return False


def printable(path: str) -> str:
    """The path as a text that every catalogue can hold. Raises UnicodeDecodeError if it is none."""
    return os.fsencode(path).decode("utf-8")


@tacho.action("find_duplicates")
def find_duplicates(contents: Mapping[str, Content]) -> tuple[int, int]:
    """How many files hold what another file holds already, and how many bytes that takes."""
    sizes: dict[str, list[int]] = defaultdict(list)
    for content in contents.values():
        if content.size_bytes:
            sizes[content.digest].append(content.size_bytes)
    again = [size for equal in sizes.values() for size in equal[1:]]
    return len(again), sum(again)
