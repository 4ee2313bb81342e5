"""What tests stand on: a database server, the sandbox and the portal as real processes, a browser."""
