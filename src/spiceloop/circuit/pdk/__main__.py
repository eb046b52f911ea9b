"""``python -m spiceloop.circuit.pdk [NAME [LIBRARY]]`` prints the folder of a model library.

For ``NGSPICE_INPUT_DIR``, see `spiceloop.circuit.pdk.processes.sky130`.
"""

from __future__ import annotations

import sys

from spiceloop.circuit.pdk.registry import get_pdk
from spiceloop.errors import SpiceloopError


def main() -> int:
    """Print the folder of the SKY130 library or the one named; the exit code says what failed."""
    name, library = [*sys.argv[1:3], "", ""][:2]
    try:
        print(get_pdk(name or "sky130", library=library).library_path.parent)
    except SpiceloopError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
