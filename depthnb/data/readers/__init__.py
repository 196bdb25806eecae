"""One file per data set: `open_source(root, ...)` finds its files and returns a `Source` that reads frame by frame."""
