"""One file for each layout, with `fits(tree)`, whether it is there, and `find(tree, settings)`, its frames."""
