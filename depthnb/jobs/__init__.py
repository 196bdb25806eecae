"""Runs of notebooks as a program starts them: one by one, on several processes and machines, and many as a sweep."""
