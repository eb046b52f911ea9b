"""``python -m spiceloop.circuit.pdk [binned]`` prints the folder of the SKY130 library.

For ``NGSPICE_INPUT_DIR``, see `spiceloop.circuit.pdk.locate`.
"""

from __future__ import annotations

import sys

from spiceloop.circuit.pdk.locate import locate_sky130
from spiceloop.errors import SpiceloopError


def main() -> int:
    """Print the folder; 3 and the way to install where there is none."""
    try:
        print(locate_sky130("binned" if "binned" in sys.argv[1:] else "continuous").parent)
    except SpiceloopError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
