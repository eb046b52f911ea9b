"""Process design kits: `get_pdk` gives the object that compiles decks against a PDK's models."""

from spiceloop.circuit.pdk.base import Bin, CompileReport, Pdk
from spiceloop.circuit.pdk.process import Process
from spiceloop.circuit.pdk.registry import get_pdk, get_process, processes
from spiceloop.circuit.pdk.sample import Sample

__all__ = [
    "Bin",
    "CompileReport",
    "Pdk",
    "Process",
    "Sample",
    "get_pdk",
    "get_process",
    "processes",
]
