"""Where the command `durability` begins: from here on a Ctrl-C ends it with one line."""

import os
import signal


def main() -> None:
    """Run the command; while its imports go on, a second or less, there is nothing to be tidied up."""
    if heard := signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os.write(2, b"stopped\n") and os._exit(130))
    from durability_utils.cli import app

    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    app()


if __name__ == "__main__":
    main()
