"""How trials are divided among cores, GPUs and machines, without any of them."""

import itertools

import pytest

from kdtune.errors import InputError
from kdtune.space.reading import Resources
from kdtune.sweep.remote.allotment import TEACHER_GPU, Allotment, Node, allotted, workers_on


def packed(allotment: Allotment, node: Node) -> list[int]:
    """Return the trials on each GPU of a machine, as Ray fills them: one GPU after the other."""
    free = [1.0 - TEACHER_GPU, *[1.0] * (int(node.gpus) - 1)]  # the teachers' process is there first
    counts = [0] * int(node.gpus)
    for _ in range(allotment.workers):
        k = next(k for k, left in enumerate(free) if left >= allotment.gpus - 1e-9)
        free[k] -= allotment.gpus
        counts[k] += 1
    return counts


@pytest.mark.parametrize(
    ("cpus", "gpus", "trials"), itertools.product((1, 3, 6, 8, 16, 64), (1, 2, 3, 4, 8), (1, 2, 4, 7, 40))
)
def test_all_gpus_are_used_before_one_is_shared(cpus: int, gpus: int, trials: int) -> None:
    node = Node(cpus, gpus)
    allotment = allotted(Resources(), [node], "there is", trials=trials)
    counts = packed(allotment, node)
    assert max(counts) <= 1 or min(counts) >= 1
    assert allotment.workers >= min(trials, cpus, gpus)
    assert max(counts) <= 4


def test_four_trials_on_four_gpus_get_one_each() -> None:
    allotment = allotted(Resources(), [Node(16, 4)], "there is", trials=4)
    assert packed(allotment, Node(16, 4)) == [1, 1, 1, 1]
    assert allotment.words() == "4 trials at once, each on a GPU of its own"


def test_forty_trials_fill_four_gpus_four_by_four() -> None:
    allotment = allotted(Resources(), [Node(64, 4)], "there is", trials=40)
    assert packed(allotment, Node(64, 4)) == [4, 4, 4, 4]
    assert allotment.words() == "16 trials at once, up to 4 on a GPU"


def test_without_a_gpu_a_trial_gets_a_core() -> None:
    allotment = allotted(Resources(), [Node(2)], "there is", trials=40)
    assert (allotment.workers, allotment.gpus, allotment.words()) == (2, 0, "2 trials at once")


def test_trials_that_wait_side_by_side_are_those_of_one_machine() -> None:
    machines = [Node(2), Node(8), Node(8)]
    assert allotted(Resources(), machines, "there is").side_by_side == 8
    assert allotted(Resources(cpus_per_trial=2), machines, "there is").side_by_side == 4
    assert allotted(Resources(), machines, "there is", trials=3).side_by_side == 3


def test_machines_without_room_for_a_trial_do_not_count() -> None:
    head, small, large = Node(32), Node(1, 2), Node(8, 2)
    allotment = allotted(Resources(cpus_per_trial=2, gpus_per_trial=0.5), [head, small, large], "Ray has")
    assert (allotment.workers, allotment.nodes) == (4, (large,))
    cores, gpus = allotment.share(1)
    assert cores == 8, "a head without a GPU has more cores, and no model that wants a GPU can run there"
    assert gpus == pytest.approx(0.99)


def test_a_model_gets_no_more_cores_than_one_machine_has() -> None:
    allotment = allotted(Resources(), [Node(1), Node(1)], "Ray has")
    assert allotment.share(1) == (1, 0)


def test_no_model_gets_a_gpu_where_trials_get_none() -> None:
    allotment = allotted(Resources(gpus_per_trial=0), [Node(8, 2)], "there is")
    assert allotment.share(2) == (4, 0)


def test_models_that_cost_the_same_share_the_machine() -> None:
    allotment = allotted(Resources(), [Node(2)], "there is")
    [turn] = allotment.turns({"a": 1.0, "b": 1.0, "c": 1.0})
    assert list(turn.items()) == [(n, (1, 0)) for n in "abc"]


def test_the_costliest_begins_first() -> None:
    allotment = allotted(Resources(), [Node(2)], "there is")
    [turn] = allotment.turns({"a": 1.0, "b": 2.0, "c": 1.5})
    assert list(turn) == ["b", "c", "a"]


def test_a_model_that_costs_more_than_all_others_waits_for_all_cores() -> None:
    allotment = allotted(Resources(), [Node(2)], "there is")
    others, last = allotment.turns({"small": 1.0, "large": 90.0, "medium": 2.0})
    assert list(others.items()) == [("medium", (1, 0)), ("small", (1, 0))]
    assert last == {"large": (2, 0)}
    assert len(allotment.turns({"small": 1.0, "large": 50.0, "medium": 1.0})) == 1, "not by much"
    assert allotment.turns({"alone": 0.0}) == [{"alone": (2, 0)}]


def test_nobody_waits_where_there_are_cores_for_all() -> None:
    many = allotted(Resources(), [Node(8)], "there is").turns({"small": 1.0, "large": 90.0})
    assert many == [{"small": (4, 0), "large": (4, 0)}]
    [gpus] = allotted(Resources(), [Node(2, 2)], "there is").turns({"small": 1.0, "large": 90.0})
    assert gpus["small"] == gpus["large"]


_WITHOUT_GPUS = "leave resources.gpus_per_trial out, or ask for less"


@pytest.mark.parametrize(
    ("resources", "nodes", "needs", "remedy"),
    [
        (Resources(gpus_per_trial=0.5), [Node(2)], "1 and resources.gpus_per_trial 0.5", _WITHOUT_GPUS),
        (Resources(cpus_per_trial=4), [Node(2), Node(2)], "resources.cpus_per_trial is 4", "ask for less"),
        (
            Resources(cpus_per_trial=4, gpus_per_trial=1),
            [Node(8), Node(2, 1)],
            "resources.gpus_per_trial 1",
            _WITHOUT_GPUS,
        ),
    ],
)
def test_what_no_machine_has_is_refused_with_what_there_is_and_what_to_do(
    resources: Resources, nodes: list[Node], needs: str, remedy: str
) -> None:
    told = f"{needs}, and no machine has that: Ray has [12] machine.*: {remedy}$"
    with pytest.raises(InputError, match=told):
        allotted(resources, nodes, "Ray has")


def test_a_student_is_never_given_two_gpus() -> None:
    with pytest.raises(ValueError, match="less than or equal to 1"):
        Resources(gpus_per_trial=2)


def test_a_cluster_that_shrinks_and_grows_runs_what_it_has_room_for() -> None:
    resources = Resources()
    allotment = allotted(resources, [Node(4, 1)], "Ray has")
    assert workers_on([Node(4, 1), Node(2, 1)], allotment, resources) == 6
    assert workers_on([Node(4)], allotment, resources) == 1, "the sweep waits for a machine"


@pytest.mark.parametrize(
    ("gpus", "cores", "trials", "expected"),
    [
        (8, 64, 4, "4 trials at once, each on a GPU of its own"),
        (8, 64, 40, "32 trials at once, up to 4 on a GPU"),
        (8, 8, 40, "8 trials at once, each on a GPU of its own"),
        (4, 6, 40, "4 trials at once, each on a GPU of its own"),
    ],
)
def test_the_table_of_the_document(gpus: int, cores: int, trials: int, expected: str) -> None:
    assert allotted(Resources(), [Node(cores, gpus)], "there is", trials=trials).words() == expected


def test_a_tenth_of_a_gpu_is_ten_trials() -> None:
    assert (
        allotted(Resources(gpus_per_trial=0.1), [Node(64, 1)], "there is").words()
        == "10 trials at once, up to 10 on a GPU"
    )


def test_students_that_are_trained_as_one_are_counted_in_cohorts() -> None:
    two = allotted(Resources(), [Node(2)], "there is")
    assert two.words(6) == "2 cohorts of up to 6 trials at once"
    assert allotted(Resources(), [Node(1)], "there is").words(6) == "1 cohort of up to 6 trials at once"
    shared = allotted(Resources(), [Node(16, 2)], "there is")
    assert shared.words(8) == "8 cohorts of up to 8 trials at once, up to 4 on a GPU"
