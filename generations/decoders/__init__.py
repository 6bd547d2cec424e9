"""Programs that read a stranger's bytes, each in a process of its own: nothing of ours is in here.

Importing a module imports its packages: so these stand beside no subject, which would bring Django.
"""

from generations.decoders.run import DecoderFailed, DecoderTimedOut, run_decoder

__all__ = ["DecoderFailed", "DecoderTimedOut", "run_decoder"]
