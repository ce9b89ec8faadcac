"""Texts as token ids: by hashing, by BERT's word list, or by a tokenizer of transformers."""
