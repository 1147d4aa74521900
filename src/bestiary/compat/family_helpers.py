"""Functions that the published module of every family shows beside its classes."""

from torch import Tensor

from ..modeling.seq2seq import shift_right
from ..nn.embeddings import TextEmbeddings
from ..nn.pooling import last_real
from .attention import ALL_ATTENTION_FUNCTIONS, eager_attention_forward
from .rotary import apply_rotary_pos_emb, repeat_kv, rotate_half

create_position_ids_from_input_ids = TextEmbeddings.create_position_ids_from_input_ids

__all__ = [
    "ALL_ATTENTION_FUNCTIONS",
    "apply_rotary_pos_emb",
    "create_position_ids_from_input_ids",
    "eager_attention_forward",
    "repeat_kv",
    "rotate_half",
    "shift_tokens_right",
]


def shift_tokens_right(input_ids: Tensor, pad_token_id: int, decoder_start_token_id: int | None = None) -> Tensor:
    """The decoder's input (B, T) for labels (B, T): one place later, the start token in front.

    Without a start token, each row's last token that is no padding stands in front, as in mBART.

    Raises:
        InputError: there is no padding token, which stands for ignored labels.
    """
    if decoder_start_token_id is not None:
        return shift_right(input_ids, decoder_start_token_id, pad_token_id)
    shifted = shift_right(input_ids, 0, pad_token_id)
    real = (input_ids != pad_token_id) & (input_ids != -100)
    shifted[:, 0] = input_ids.gather(1, last_real(real)[:, None])[:, 0]
    return shifted
