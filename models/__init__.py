"""What would the model say next?"""

__version__ = "0.1.0"
