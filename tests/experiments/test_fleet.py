"""Law 4 from data to answers: an adapter of a fleet answers as the same adapter trained alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from squadron.data.prepared import load_split
from squadron.experiments.fleet import Member, answer_with_fleet, train_fleet
from squadron.model.checkpoint import load_base
from squadron.model.lora import LoraSpec
from squadron.model.tokenizer import load_tokenizer

MEMBERS = (
    Member(LoraSpec(rank=2, seed=1), 0.02),
    Member(LoraSpec(rank=5, targets=("all",), seed=2), 0.01),
    Member(LoraSpec(rank=3, targets=("query-value",), alpha=8, seed=3), 0.05),
)


@pytest.mark.parametrize("order", ["question", "paragraph"])
def test_a_fleet_gives_what_its_members_give_alone(order: str, byte_base_dir: Path, small_data: Path) -> None:
    model = load_base(str(byte_base_dir)).model
    tokenizer = load_tokenizer(byte_base_dir)
    train, validation = (load_split(small_data, name).dataset for name in ("train", "validation"))

    def trained(*members: Member) -> tuple[torch.Tensor, list[dict[str, str]]]:
        result = train_fleet(model, tokenizer, train, members, epochs=3, order=order)  # type: ignore[arg-type]
        assert result.examples == len(members) * 3 * 20
        answers = answer_with_fleet(model, tokenizer, validation, result.fleet, max_new_tokens=6)
        return torch.tensor(result.losses), [one.predictions() for one in answers]

    losses, answers = trained(*MEMBERS)
    assert len({str(one) for one in answers}) == 3
    for k, member in enumerate(MEMBERS):
        loss, (own,) = trained(member)
        torch.testing.assert_close(losses[k], loss[0], rtol=1e-4, atol=1e-4)
        assert answers[k] == own
