"""What one runs in a checkout: start, test, check, and the figures. Not part of the installed package."""
