"""Writes what a user might have: posts, pictures in Parquet, a BERT of their own. It uses nothing of kdtune."""

import csv
import io
import random

import datasets
import numpy as np
import transformers
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors

random.seed(0)
draw = np.random.default_rng(0)

with open("posts.csv", "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["post", "toxic", "author"])
    for _ in range(500):
        toxic = random.random() < 0.5
        words = random.choices(["awful", "stupid", "a"] if toxic else ["lovely", "kind", "a"], k=6)
        table.writerow([" ".join(words), "yes" if toxic else "no", random.choice(["old", "young"])])

words = ["[PAD]", "[UNK]", "[CLS]", "awful", "stupid", "lovely", "kind", "a"]
tokenizer = Tokenizer(models.WordLevel({word: k for k, word in enumerate(words)}, unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)])
transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]").save_pretrained("my-bert")
sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
config = transformers.BertConfig(vocab_size=len(words), max_position_embeddings=32, **sizes)
transformers.BertForSequenceClassification(config).save_pretrained("my-bert")
config.hidden_size = config.intermediate_size = 16
transformers.BertForSequenceClassification(config).save_pretrained("small-bert")


def picture(bright: int) -> dict[str, bytes]:
    """Return a noisy picture as `datasets` keeps one."""
    pixels = draw.integers(0, 120, (32, 32, 3)) + (100 if bright else 0)
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "PNG")
    return {"bytes": stream.getvalue()}


labels = draw.integers(0, 2, 400)
features = datasets.Features(
    {
        "image": datasets.Image(),
        "label": datasets.ClassLabel(names=["dark", "bright"]),
        "camera": datasets.Value("string"),
    }
)
rows = {
    "image": [picture(label) for label in labels],
    "label": labels.tolist(),
    "camera": draw.choice(["old", "new"], 400).tolist(),
}
pictures = datasets.Dataset.from_dict(rows, features=features)
pictures.to_parquet("pictures.parquet")
pictures.save_to_disk("pictures")
