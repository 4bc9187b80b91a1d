"""The one error that a user can cause and mend."""


class InputError(Exception):
    """A file or parameter that cannot be used; the message says which, where, and what was expected."""

    def _render_traceback_(self):
        # IPython calls this: in a notebook the message stands alone, without a traceback.
        return [f"{type(self).__name__}: {self}"]
