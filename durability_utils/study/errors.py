"""The one error that a user can cause and mend, and how the system says that there is no more memory."""

NO_MEMORY = "the memory that this system allows did not suffice"
_WITHOUT_MEMORY = ("MemoryError", "failed to map segment", "can't start new thread", "Cannot allocate memory")


class InputError(Exception):
    """A file or parameter that cannot be used; the message says which, where, and what was expected."""

    def _render_traceback_(self):
        # IPython calls this: in a notebook the message stands alone, without a traceback.
        return [f"{type(self).__name__}: {self}"]


def lacks_memory(error: str) -> bool:
    """Whether an error, by its kind and words, is one for want of memory (`ulimit -v`)."""
    return any(sign in error for sign in _WITHOUT_MEMORY)
