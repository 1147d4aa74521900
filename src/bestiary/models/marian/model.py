"""What of Marian is not BART: vocabularies of source and target that may be two."""

from torch import nn

from ...core.errors import ArgumentError
from ...modeling.config import PreTrainedConfig
from ...modeling.resizing import resize, resize_bias, resize_table
from ..bart.model import BartForConditionalGeneration, BartModel, BartPreTrainedModel


class MarianPreTrainedModel(BartPreTrainedModel):
    """What all Marian classes share."""

    _keys_to_ignore_on_load_missing = [r"embed_positions\.weight$"]

    def ties(self) -> dict[str, str]:
        """With two vocabularies only the head is tied, to the decoder's."""
        tied, head = super().ties(), "lm_head.weight"
        if self.config.share_encoder_decoder_embeddings or not tied:
            return tied
        return {head: "model.decoder.embed_tokens.weight"} if head in tied else {}

    def resize_token_embeddings(
        self, new_num_tokens: int | None = None, pad_to_multiple_of: int | None = None, mean_resizing: bool = True
    ) -> nn.Module:
        """As for every model; of two vocabularies, the source's."""
        if not self.config.share_encoder_decoder_embeddings:
            return resize(self.get_encoder(), new_num_tokens, pad_to_multiple_of, mean_resizing)
        table = super().resize_token_embeddings(new_num_tokens, pad_to_multiple_of, mean_resizing)
        self.config.decoder_vocab_size = self.config.vocab_size
        return table

    def resize_decoder_token_embeddings(self, new_num_tokens: int) -> nn.Module:
        """Give the target's vocabulary `new_num_tokens` words; returns their table.

        Raises:
            ArgumentError: source and target share one vocabulary.
        """
        if self.config.share_encoder_decoder_embeddings:
            raise ArgumentError("source and target share one vocabulary; call resize_token_embeddings")
        table: nn.Embedding = self.get_decoder().get_input_embeddings()
        resize_table(self, table, self.get_output_embeddings(), new_num_tokens, mean_resizing=True)
        for module, name in self.vocabulary_biases():
            resize_bias(module, name, new_num_tokens)
        self.config.decoder_vocab_size = new_num_tokens
        self.tie_weights()
        return table


class MarianModel(BartModel):
    """Encoder and decoder without a head; a decoder without an input is refused."""

    decoder_repeats_text = False

    def add_shared(self, config: PreTrainedConfig) -> None:
        if config.get("share_encoder_decoder_embeddings"):
            super().add_shared(config)

    def get_input_embeddings(self) -> nn.Module:
        if self.config.share_encoder_decoder_embeddings:
            return super().get_input_embeddings()
        return self.encoder.get_input_embeddings()


class MarianMTModel(BartForConditionalGeneration):
    """Marian with a language-modelling head, whose logits have a bias (1, V) that is stored, and not trained."""

    _keys_to_ignore_on_save = [r"embed_positions\.weight$"]
