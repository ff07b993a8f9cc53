"""`make bench`: mytorch's time beside PyTorch's, on this machine."""
