# SPDX-License-Identifier: MIT
"""Reads a table of numbers that pandas pickled, without pandas and without running what the pickle
asks for: every class and function in it is replaced by one that only remembers its arguments."""

import pickle


class Made:
    """What an instruction of the pickle would have made."""

    def __new__(cls, *arguments):
        self = object.__new__(cls)
        self.arguments, self.state = arguments, None
        return self

    def __init__(self, *arguments):
        pass

    def __setstate__(self, state):
        self.state = state

    def is_a(self, name):
        return type(self).__name__ == name


class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        return type(name, (Made,), {})

    def persistent_load(self, identifier):
        raise ValueError("refers to something outside of the file")


def walk(thing):
    """All that was made, what is inside before what holds it."""
    if isinstance(thing, dict):
        parts = thing.values()
    elif isinstance(thing, (list, tuple)):
        parts = thing
    elif isinstance(thing, Made):
        parts = (*thing.arguments, thing.state)
    else:
        return
    for part in parts:
        yield from walk(part)
    if isinstance(thing, Made):
        yield thing


def numbers(array):
    """The values of an array of numpy, its shape, and whether columns come first in memory."""
    if array.is_a("_frombuffer"):
        values, dtype, shape, order = array.arguments
        first = order == "F"
    elif array.state is not None and len(array.state) == 5:
        _, shape, dtype, first, values = array.state
    else:
        raise ValueError("an array is kept in an unknown way")
    if isinstance(values, list):
        return values, shape, first
    kind = {"i8": "q", "f8": "d", "i4": "i", "f4": "f"}.get(str(dtype.arguments[0]).lstrip("<"))
    if not kind or dtype.state[1] not in ("<", "|", "="):
        raise ValueError(f"numbers of type {dtype.arguments[0]} are not expected")
    return memoryview(bytes(values)).cast(kind), shape, first


def rows_of_block(block):
    """The columns' numbers and the lists of their values."""
    array, places = block.arguments[:2]
    values, shape, first = numbers(array)
    n = shape[-1]
    if isinstance(places, Made) and places.is_a("slice"):
        columns = range(*places.arguments)
    else:
        columns = list(numbers(places)[0])
    if len(shape) != 2 or len(columns) != shape[0]:
        raise ValueError("a block of columns has an unknown shape")
    for i, column in enumerate(columns):
        yield column, values[i::shape[0]] if first else values[i * n : (i + 1) * n]


def read(path):
    """The columns by name. ValueError where the file is not such a table."""
    try:
        with open(path, "rb") as file:
            made = list(walk(Reader(file).load()))
        # The names of columns are the index of words; that of rows has numbers or a range.
        names = next(values for values, *_ in
                     (numbers(thing) for thing in made
                      if thing.is_a("_reconstruct") and isinstance((thing.state or [0])[-1], list))
                     if values and all(isinstance(name, str) for name in values))
        columns = dict(item for thing in made if thing.is_a("_unpickle_block")
                       for item in rows_of_block(thing))
        table = {name: columns[i] for i, name in enumerate(names)}
    except (OSError, MemoryError):
        raise
    except Exception as error:  # a pickle can be wrong in any way
        raise ValueError(f"not a table of numbers that pandas pickled: {error!r}") from error
    if len({len(column) for column in table.values()}) != 1:
        raise ValueError("its columns are of different lengths")
    return table
