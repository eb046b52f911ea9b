"""One file a process, each with a ``PROCESS``; `spiceloop.circuit.pdk.registry` finds them."""
