# SPDX-License-Identifier: MIT
"""A disk that follows the log of faults.c, and what a loss of power may leave of it: what was
synced, and of the rest any of several pieces.

A file's bytes are safe when the file was synced, a name when its folder was. This is what POSIX
promises; most file systems keep more.
"""
import pathlib


class File:
    def __init__(self, data=b"", safe=None):
        self.data, self.safe = bytearray(data), safe  # safe: bytes, or None if it was never synced

    def sync(self):
        self.safe = bytes(self.data)

    def left(self, how):
        """Its bytes after the loss: `whole`; `lost`, as they were synced; `empty`; `zeros`, where a
        file system gave it its size and not its bytes; `half`."""
        safe = self.safe or b""
        if how == "whole" or self.safe == self.data:
            return bytes(self.data)
        return {
            "lost": safe,
            "empty": safe[: len(self.data)],
            "zeros": safe[: len(self.data)] + bytes(max(0, len(self.data) - len(safe))),
            "half": bytes(self.data[: (len(safe) + len(self.data) + 1) // 2]),
        }[how]


class Folder:
    def __init__(self):
        self.names, self.safe = {}, {}

    def sync(self):
        self.safe = dict(self.names)


# (whether names that were not synced are there, what of the bytes is)
LOSSES = [
    (True, "whole"),
    (True, "empty"),
    (True, "zeros"),
    (True, "half"),
    (False, "lost"),
    (False, "whole"),
]


class Disk:
    def __init__(self, root, tree):
        """`tree` ({path: bytes}) is on the disk already."""
        self.place, self.root = pathlib.PurePath(root), Folder()
        for path in sorted(tree):
            folder = self.root
            parts = pathlib.PurePath(path).parts
            for part in parts[:-1]:
                folder = folder.names.setdefault(part, Folder())
            folder.names.setdefault(
                parts[-1], Folder() if path.endswith("/") else File(tree[path], tree[path])
            )
        self.sync_all(self.root)

    def sync_all(self, folder):
        folder.sync()
        for node in folder.names.values():
            self.sync_all(node) if isinstance(node, Folder) else node.sync()

    def find(self, path):
        """(folder, name)"""
        parts = pathlib.PurePath(path).relative_to(self.place).parts
        folder = self.root
        for part in parts[:-1]:
            folder = folder.names[part]
        return folder, parts[-1] if parts else None

    def node(self, path):
        folder, name = self.find(path)
        return folder.names[name] if name else folder

    def apply(self, operation, path, other, offset, data):
        path = path.removesuffix(" (deleted)")
        folder, name = self.find(path)
        if operation in ("create", "mkdir"):
            folder.names[name] = File() if operation == "create" else Folder()
        elif operation == "unlink":
            del folder.names[name]
        elif operation in ("rename", "exchange"):
            to_folder, to_name = self.find(other)
            node = folder.names.pop(name)
            if operation == "exchange":
                folder.names[name] = to_folder.names[to_name]
            to_folder.names[to_name] = node
        elif operation == "syncfs":
            self.sync_all(self.root)
        else:
            self.change(self.node(path), operation, offset, data)

    @staticmethod
    def change(node, operation, offset, data):
        if operation == "sync":
            node.sync()
        elif operation in ("empty", "truncate"):
            size = offset if operation == "truncate" else 0
            node.data = node.data[:size] + bytes(max(0, size - len(node.data)))
        elif operation == "write":
            node.data += bytes(max(0, offset - len(node.data)))
            node.data[offset : offset + len(data)] = data
        else:
            raise ValueError(operation)

    def after(self, names_kept, how):
        """The tree ({path: bytes}) after a loss of power."""
        tree = {}

        def walk(folder, above):
            for name, node in (folder.names if names_kept else folder.safe).items():
                if isinstance(node, Folder):
                    tree[f"{above}{name}/"] = b""
                    walk(node, f"{above}{name}/")
                else:
                    tree[above + name] = node.left(how)

        walk(self.root, "")
        return tree


def read_log(path):
    """(operation, path, other, offset, bytes) in their order."""
    log, at = pathlib.Path(path).read_bytes(), 0
    while at < len(log):
        end = log.index(b"\n", at)
        words = log[at:end].decode().split()
        offset, n, n_path, n_other = (int(word) for word in words[1:])
        at = end + 1
        name = log[at : at + n_path].decode()
        other = log[at + n_path : at + n_path + n_other].decode()
        at += n_path + n_other
        yield words[0], name, other, offset, log[at : at + n]
        at += n
