"""What would the model say next? The room of weights, files, engines, tokenizers and logits."""

from models.catalog import ModelSpec
from models.engine import Engine, Evaluation, Request, Tokenizer
from models.errors import HouseError
from models.loading import LoadedModel, load

__all__ = ["Engine", "Evaluation", "HouseError", "LoadedModel", "ModelSpec", "Request", "Tokenizer", "load"]
__version__ = "0.1.0"
