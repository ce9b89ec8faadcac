import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtune.distill.schedule import learning_rate
from kdtune.errors import InputError


def test_cosine_equals_that_of_torch() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=37)
    for step in range(37):
        rate = learning_rate(step, total_steps=37, base=0.3)
        assert rate == pytest.approx(scheduler.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        scheduler.step()


def test_cosine_closed_forms() -> None:
    rates = [learning_rate(step, total_steps=12, base=2.0) for step in (0, 4, 6, 8, 12)]
    assert rates == pytest.approx([2.0, 1.5, 1.0, 0.5, 0.0])


def test_warm_up_is_a_line_and_then_the_schedule_starts_anew() -> None:
    rates = [learning_rate(step, total_steps=16, base=0.8, warmup_steps=4) for step in range(17)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])
    without = [learning_rate(step, total_steps=12, base=0.8) for step in range(13)]
    assert rates[4:] == pytest.approx(without)


def test_steps_at_fractions_of_the_training() -> None:
    rates = [
        learning_rate(step, total_steps=100, base=1, schedule="step", milestones=(0.5, 0.75), gamma=0.1)
        for step in (0, 49, 50, 74, 75, 99)
    ]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_milestones_are_not_shifted_by_rounding() -> None:
    assert 0.07 * 100 > 7
    rates = [
        learning_rate(step, total_steps=100, base=1, schedule="step", milestones=[0.07], gamma=0.5)
        for step in (6, 7)
    ]
    assert rates == [1, 0.5]


def test_milestones_count_from_the_start_and_not_from_the_end_of_the_warm_up() -> None:
    rate = learning_rate(
        50, total_steps=100, base=1, schedule="step", warmup_steps=20, milestones=[0.5], gamma=0.1
    )
    assert rate == pytest.approx(0.1)


def test_constant() -> None:
    rates = [
        learning_rate(step, total_steps=5, base=0.1, schedule="constant", warmup_steps=2) for step in range(6)
    ]
    assert rates == pytest.approx([0.05, 0.1, 0.1, 0.1, 0.1, 0.1])


@given(
    total=st.integers(1, 200),
    warmup=st.floats(0, 1),
    schedule=st.sampled_from(["cosine", "step", "constant"]),
)
def test_rises_to_base_and_never_again(total: int, warmup: float, schedule: str) -> None:
    steps = int(warmup * total)
    rates = [
        learning_rate(
            step, total_steps=total, base=0.5, schedule=schedule, warmup_steps=steps, milestones=(0.3, 0.9)
        )
        for step in range(total + 1)
    ]
    assert all(0 <= rate <= 0.5 for rate in rates)
    assert all(rate > 0 for rate in rates[:-1])
    assert rates[:steps] == sorted(rates[:steps])
    assert rates[steps:] == sorted(rates[steps:], reverse=True)


def test_unknown_schedule_names_the_nearest() -> None:
    with pytest.raises(
        InputError, match=r"'cosin'; did you mean 'cosine'\? \(known: cosine, step, constant\)"
    ):
        learning_rate(0, total_steps=1, base=1, schedule="cosin")


@pytest.mark.parametrize(
    ("step", "options", "message"),
    [
        (-1, {}, "step must be"),
        (11, {}, "step must be"),
        (0, {"warmup_steps": 11}, "warmup_steps"),
        (0, {"warmup_steps": -1}, "warmup_steps"),
        (0, {"milestones": (0.5, 1.0)}, "milestones"),
        (0, {"milestones": (0.0,)}, "milestones"),
    ],
)
def test_refuses(step: int, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        learning_rate(step, total_steps=10, base=1, schedule="step", **options)  # type: ignore[arg-type]
