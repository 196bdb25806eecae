"""One file per notebook: what only it measures, and the claims of its source that it checks."""
