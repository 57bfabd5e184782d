"""The hot routes, all under /api/v1: what a page or a program may ask, one file per subject."""
