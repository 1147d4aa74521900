from .core.config import Record as Record
