"""A pretrained transformer knows the ids of its own tokenizer: data with other ids are refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from kdtune.data import from_arrays
from kdtune.errors import InputError
from kdtune.space.reading import parse_space
from kdtune.sweep.plan import make_plan
from tests.data.examples.made import CUT, SEX, TEXTS, Y, save_tokenizer


def save_bert(folder: Path, **options: Any) -> Path:
    """Write a tiny BERT with its tokenizer."""
    import transformers

    save_tokenizer(folder, **options)
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    config = transformers.BertConfig(vocab_size=12, max_position_embeddings=32, num_labels=3, **sizes)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def plan(teacher: Path, pupil: Path, tokenizer: Path | None, **sections: Any) -> None:
    data = from_arrays(TEXTS, Y, {"sex": SEX}, tokenizer=tokenizer, length=8, vocabulary=100, **CUT)
    space = {
        "dataset": {"name": "arrays"},
        "pairs": [f"hf:{teacher}->hf:{pupil}"],
        "teacher": {"pretrained": True},
        **sections,
    }
    make_plan(parse_space(space, "space"), data)


def test_the_same_tokenizer_may_be_written_otherwise(tmp_path: Path) -> None:
    teacher, student = save_bert(tmp_path / "teacher"), save_bert(tmp_path / "student")
    file = student / "tokenizer.json"
    file.write_text(json.dumps(json.loads(file.read_text())))
    plan(teacher, student, teacher, student={"pretrained": True})


def test_two_pretrained_models_with_different_tokenizers_are_refused_and_one_untrained_is_not(
    tmp_path: Path,
) -> None:
    teacher, student = save_bert(tmp_path / "teacher"), save_bert(tmp_path / "student", first="cat")
    with pytest.raises(InputError, match=r"encoded with another: set dataset\.tokenizer to .*student"):
        plan(teacher, student, teacher, student={"pretrained": True})
    plan(teacher, student, teacher)


def test_hashed_words_and_a_model_without_a_tokenizer_are_refused(tmp_path: Path) -> None:
    teacher = save_bert(tmp_path / "teacher")
    with pytest.raises(InputError, match=r"the data's words are hashed: set dataset\.tokenizer to .*teacher"):
        plan(teacher, teacher, None)
    bare = save_bert(tmp_path / "bare")
    (bare / "tokenizer.json").unlink()
    with pytest.raises(
        InputError, match=r"can't be known: tokenizer .*bare: there is no tokenizer\.json in it"
    ):
        plan(bare, teacher, teacher)
