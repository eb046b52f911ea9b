"""``spiceloop`` and ``python -m spiceloop``: Ctrl-C while the command loads gives no traceback."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line and return the exit code; 130 where Ctrl-C came before it had begun."""
    try:
        from spiceloop.cli.app import main as run
    except KeyboardInterrupt:
        sys.stderr.write("spiceloop: interrupted\n")
        return 130
    return run()


if __name__ == "__main__":
    sys.exit(main())
