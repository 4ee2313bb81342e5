"""Everything at once for one person on one machine: what `make run` starts, watches and ends.

Outside the layers of the portal on purpose: it starts the sandbox too, and only as a process.
"""
