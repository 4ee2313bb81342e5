"""What `make bench` measures, each beside the bare thing it is compared with, in the same run."""
