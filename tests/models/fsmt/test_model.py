"""Where FSMT starts to write, and what it does behind the end of its table of positions."""

import torch
import transformers

import bestiary

SIZES = {
    "src_vocab_size": 50, "tgt_vocab_size": 60, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1,
    "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16,
    "max_position_embeddings": 4,
}  # fmt: skip


@torch.no_grad()
def test_texts_longer_than_the_table_and_a_decoder_without_input(tmp_path) -> None:
    torch.manual_seed(0)
    reference = transformers.FSMTModel(transformers.FSMTConfig(**SIZES)).eval()
    reference.save_pretrained(tmp_path)
    ours = bestiary.FSMTModel.from_pretrained(tmp_path)
    ids = torch.tensor([[5, 6, 7, 8, 9, 10, 11, 2], [5, 6, 7, 8, 2, 1, 1, 1]])
    mask = ids.ne(1).long()
    expected = reference(input_ids=ids, attention_mask=mask).last_hidden_state
    real = mask.bool()
    torch.testing.assert_close(ours(ids, mask).last_hidden_state[real], expected[real], rtol=1e-5, atol=1e-5)
    assert ours.shifted(ids)[:, :3].tolist() == [[2, 5, 6], [2, 5, 6]]


def test_both_vocabularies_grow() -> None:
    model = bestiary.FSMTForConditionalGeneration(bestiary.FSMTConfig(**SIZES))
    assert model.resize_token_embeddings(70).num_embeddings == 70
    assert (model.config.src_vocab_size, model.config.tgt_vocab_size) == (70, 70)
    assert model(torch.tensor([[69, 2]]), decoder_input_ids=torch.tensor([[69]])).logits.shape == (1, 1, 70)
