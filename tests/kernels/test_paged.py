"""Attention over the blocks of a pool by a C kernel gives what torch gives, for texts of any lengths in any blocks."""

import random
from collections.abc import Callable

import pytest
import torch

from bestiary.kernels import elements
from bestiary.kernels.paged import attended_in_pages
from bestiary.nn.kernels import Scoring
from bestiary.nn.paged import Layout, PagedMask, decode, tables_of, visits_of

CPU = torch.device("cpu")


@pytest.fixture
def kernels(compiled_elements: elements.Elements, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "elements", lambda: compiled_elements)
    monkeypatch.setattr(elements, "WIDE", 256)


def scattered(lengths: list[int], page: int) -> list[list[int]]:
    """Blocks for each text, in no order; some of the pool are nobody's."""
    counts = [-(-length // page) for length in lengths]
    blocks = list(range(sum(counts) + 3))
    random.Random(0).shuffle(blocks)
    return [[blocks.pop() for _ in range(count)] for count in counts]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("page", "groups", "heads", "size", "value_size"),
    [(64, 3, 9, 64, 64), (16, 2, 14, 40, 24), (32, 4, 4, 64, 80), (48, 1, 5, 128, 64)],
)
def test_as_torch_computes(
    page: int, groups: int, heads: int, size: int, value_size: int, dtype: torch.dtype, kernels: None
) -> None:
    torch.manual_seed(0)
    lengths = [1, page, page + 1, 3 * page + 7, 17, 2 * page - 1]
    sequences = scattered(lengths, page)
    blocks = sum(map(len, sequences)) + 3
    key, value = torch.randn(blocks, groups, size, page).to(dtype), torch.randn(blocks, groups, page, value_size).to(dtype)
    unused = [block for block in range(blocks) if block not in {b for blocks in sequences for b in blocks}]
    value[unused] = 0
    query = (torch.randn(1, heads, len(lengths), size).to(dtype))[0].transpose(0, 1)  # as a pass hands them over
    newest = torch.tensor([length - 1 for length in lengths] + [-1])
    scorings = [Scoring(size**-0.5), Scoring(0.5, softcap=4.0)]
    for scoring in scorings:
        for window, chunk in ((None, None), (1, None), (23, None), (None, 20), (70, 128)):
            mask = PagedMask(1, 0, CPU, causal=True, window=window, chunk=chunk)
            visits = visits_of(sequences, lambda block: False, CPU)
            by_torch = Layout(page, newest, visits, [])
            by_kernel = Layout(page, newest, visits, [], tables_of(sequences, CPU))
            with torch.no_grad():
                seen = by_kernel.seen(window, chunk)
                assert attended_in_pages(query, key, value, by_kernel.tables, seen, 1.0, None) is not None
                found = decode(query, key, value, by_kernel, mask, scoring)
                expected = decode(query.float(), key.float(), value.float(), by_torch, mask, scoring)
            assert found.dtype == dtype
            near = {"rtol": 2e-5, "atol": 2e-6} if dtype == torch.float32 else {"rtol": 1e-2, "atol": 1e-3}
            torch.testing.assert_close(found.float(), expected, **near)


def test_what_nobody_sees_is_not_read(kernels: None) -> None:
    """Slots behind the newest token and blocks of nobody hold anything."""
    torch.manual_seed(0)
    key, value = torch.randn(4, 2, 64, 16), torch.randn(4, 2, 16, 64)
    newest = torch.tensor([19, -1])
    layout = Layout(16, newest, visits_of([[2, 0]], lambda block: False, CPU), [], tables_of([[2, 0]], CPU))
    mask, query = PagedMask(1, 0, CPU, causal=True), torch.randn(1, 8, 64)
    with torch.no_grad():
        before = decode(query, key, value, layout, mask, Scoring(0.1))
        key[0, :, :, 4:], value[0, :, 4:] = torch.nan, torch.nan
        key[[1, 3]], value[[1, 3]] = torch.nan, torch.inf
        assert torch.equal(decode(query, key, value, layout, mask, Scoring(0.1)), before)
        value[2, 0, 3] = torch.nan
        assert bool(decode(query, key, value, layout, mask, Scoring(0.1))[:, :4].isnan().all())


@pytest.mark.parametrize("change", ["page", "dtype", "gradient", "layout", "narrow"])
def test_what_is_not_for_it_is_left_to_torch(change: str, kernels: None) -> None:
    size, page = (8, 16) if change == "narrow" else (64, 12 if change == "page" else 16)
    key, value, query = torch.randn(2, 2, size, page), torch.randn(2, 2, page, size), torch.randn(1, 8, size)
    if change == "dtype":
        value = value.double()
    if change == "gradient":
        query.requires_grad_()
    if change == "layout":
        key = torch.randn(2, 2, page, size).transpose(2, 3)
    layout = Layout(page, torch.tensor([13, -1]), [], [], tables_of([[0, 1]], CPU))
    assert attended_in_pages(query, key, value, layout.tables, layout.seen(None, None), 1.0, None) is None


def test_requests_in_a_batch_use_it(kernels: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from bestiary.models.llama import LlamaConfig
    from bestiary.models.llama.model import LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=99, hidden_size=256, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2
    )
    model = LlamaForCausalLM(config).eval()
    used: list[Callable[..., object]] = []

    def counted(*arguments: object) -> object:
        result = attended_in_pages(*arguments)
        used.append(result)
        return result

    monkeypatch.setattr("bestiary.nn.paged.attended_in_pages", counted)
    prompts = [[3, 4, 5, 6], list(range(7, 80)), [9]]
    settings = {"max_new_tokens": 5, "eos_token_id": None, "pad_token_id": 0}
    results = model.generate_batch(prompts, **settings)
    assert len(used) >= 2 * 4
    assert all(result is not None for result in used)
    for prompt, result in zip(prompts, results.values(), strict=True):
        ids = torch.tensor([prompt])
        alone = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, **settings)
        assert result.generated_tokens == alone[0, len(prompt) :].tolist()
