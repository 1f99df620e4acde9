# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Write the small exports that `make check` compiles: small.py FOLDER [NAME]...

    build/test/exporters-environment/bin/python test/exporters/small.py test/Integration/Inputs/exports

Each is there for operators or shapes that the others lack. Beside NAME.onnx, NAME.npz has inputs, those of later runs with other
extents. What is only for people (names of source files, traces) is left out of the files.
"""
import pathlib
import sys
import warnings

import torch
from torch import nn
from torch.export import Dim
from torch.nn import functional as F

import export
import models
from models import Model, Named, SEQUENCE, ids, mask

import transformers as tf

TINY = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4, vocab_size=models.WORDS)
DECODER = dict(TINY, num_key_value_heads=2, max_position_embeddings=64, head_dim=8, pad_token_id=0, bos_token_id=1, eos_token_id=2)
IMAGE = {key: value for key, value in TINY.items() if key != "vocab_size"}
# Of each operand that is an image all but the channels, or the batch alone.
ANY_SIZE, BATCH = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}, {0: Dim.DYNAMIC}
IMAGES = [dict(batch=2, height=32, width=48), dict(batch=1, height=64, width=32), dict(batch=3, height=33, width=65)]


class UNet(nn.Module):
    """Pools, transposed convolutions, resizing to another's size, squeeze and excitation."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.depthwise, self.point = nn.Conv2d(8, 8, 5, 2, 2, groups=8, bias=False), nn.Conv2d(8, 12, 1)
        self.squeeze, self.excite = nn.Conv2d(12, 4, 1), nn.Conv2d(4, 12, 1)
        self.up, self.shuffle = nn.ConvTranspose2d(12, 8, 3, 2, 1, output_padding=1), nn.Conv2d(12, 16, 1)
        self.head = nn.Conv2d(8 + 8 + 4, 5, 3, padding=1, padding_mode="reflect")

    def forward(self, x):
        top = F.hardswish(self.norm(self.stem(x)))
        low = F.silu(self.point(self.depthwise(top)))
        low = low * F.hardsigmoid(self.excite(F.relu6(self.squeeze(F.adaptive_avg_pool2d(low, 1)))))
        up = F.interpolate(self.up(low), size=top.shape[-2:], mode="bilinear", align_corners=False)
        shuffled = F.interpolate(F.pixel_shuffle(self.shuffle(low), 2), size=top.shape[-2:], mode="nearest")
        return self.head(torch.cat([top, up, shuffled], 1))


class Recurrent(nn.Module):
    """Features of frames of sound, then recurrent layers."""

    def __init__(self):
        super().__init__()
        self.frames = nn.Conv1d(1, 12, 16, 8, 4)
        self.lstm = nn.LSTM(12, 10, 2, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(20, 9, batch_first=True)
        self.head = nn.Linear(9, 1)

    def forward(self, sound):
        features = F.elu(self.frames(sound.unsqueeze(1))).transpose(1, 2)
        states, (hidden, cell) = self.lstm(features)
        states, last = self.gru(states)
        return torch.sigmoid(self.head(states)).squeeze(-1), hidden, cell, last


class Indices(nn.Module):
    """What picks, places, orders and counts."""

    def forward(self, x, index):
        values, places = torch.topk(x, 3, dim=-1)
        gathered = torch.gather(x, 1, index)
        scattered = torch.zeros_like(x).scatter_add(1, index, gathered)
        rows = x.clone()
        rows[:, 1] = -1.0
        rows[:, -2:] = rows[:, :2] * 2
        order, _ = torch.sort(x, dim=1, descending=True)
        one_hot = F.one_hot(index[:, 0], 7).to(x.dtype)
        sums = torch.cumsum(x, 1).flip(1)
        lower = torch.tril(x @ x.transpose(0, 1))
        worst = x.argmin(1), x.amax(1, keepdim=True), (x > 0.5).sum(1), torch.any(x > 2, 1)
        return values, places, scattered, rows, order, one_hot, sums, lower, *worst


class Norms(nn.Module):
    """Normalizations and pools."""

    def __init__(self):
        super().__init__()
        self.group, self.instance = nn.GroupNorm(2, 6), nn.InstanceNorm2d(6, affine=True)
        self.layer, self.rms = nn.LayerNorm(6), nn.RMSNorm(6)
        self.prelu = nn.PReLU(6, 0.2)

    def forward(self, x):
        x = self.instance(self.group(x)) + F.normalize(x, dim=1)
        last = self.rms(self.layer(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        pooled = F.max_pool2d(last, 3, 2, 1, ceil_mode=True) + F.avg_pool2d(last, 3, 2, 1, ceil_mode=True, count_include_pad=False)
        thirds = F.adaptive_avg_pool2d(x, (1, 1)) + F.adaptive_max_pool2d(x, (1, 1))
        return self.prelu(pooled), thirds, torch.logsumexp(x, (2, 3)), x.std((2, 3)), F.softplus(x) * F.mish(x), F.log_softmax(x, 1)


class Shapes(nn.Module):
    """What models compute of their extents: padding to a multiple, windows, grids, halves."""

    def forward(self, x):
        batch, channels, height, width = x.shape
        padded = F.pad(x, (0, (4 - width % 4) % 4, 0, (4 - height % 4) % 4))
        rows, columns = padded.shape[2] // 4, padded.shape[3] // 4
        windows = padded.view(batch, channels, rows, 4, columns, 4).permute(0, 2, 4, 1, 3, 5).reshape(-1, channels * 16)
        y, line = torch.meshgrid(torch.arange(height, dtype=x.dtype), torch.arange(width, dtype=x.dtype), indexing="ij")
        grid = torch.stack([line, y], -1).view(1, height, width, 2) + 0.5
        left, right = x[..., :width // 2], x[..., width - width // 2:]
        rolled = torch.roll(left - right, (1, -1), (2, 3))
        repeated = x[:, :1].expand(-1, 3, -1, -1).repeat_interleave(2, 1).repeat(1, 1, 2, 1)
        patches = F.unfold(x, 3, padding=1, stride=2)
        return windows, grid, rolled, repeated, patches, torch.einsum("bchw,bdhw->bcd", x, repeated[:, :, :height])


class Cached(nn.Module):
    """A step of decoding: keys and values of what was read before are operands, and results with what is new."""

    def __init__(self, config):
        super().__init__()
        self.network = tf.LlamaForCausalLM(config)

    def forward(self, tokens, keys, values):
        cache = tf.DynamicCache(config=self.network.config)
        cache.update(keys, values, 0)
        logits = self.network(input_ids=tokens, past_key_values=cache, use_cache=True).logits
        return logits, cache.layers[0].keys, cache.layers[0].values


def text(build, results, **options):
    runs = [dict(batch=2, length=7), dict(batch=1, length=13), dict(batch=3, length=3)]
    return Model(lambda: Named(build(), ("input_ids", "attention_mask"), results, **options),
                 lambda batch, length: (ids(batch, length), mask(batch, length)), (SEQUENCE, SEQUENCE), runs, "small")


def image(build, dynamic=ANY_SIZE, runs=None, channels=3):
    return Model(build, lambda batch, height, width: (torch.randn(batch, channels, height, width),), (dynamic,), runs or IMAGES, "small")


def decoder(config, network, **more):
    return text(lambda: network(config(**DECODER, **more)), ["logits"], use_cache=False)


SQUARE = [dict(batch=2, height=32, width=32), dict(batch=1, height=32, width=32)]
WHISPER = dict(d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48,
               decoder_ffn_dim=48, vocab_size=models.WORDS, num_mel_bins=8, max_source_positions=20, max_target_positions=32, pad_token_id=0,
               bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, suppress_tokens=None, begin_suppress_tokens=None)
CLIP = dict(text_config=dict(**TINY, max_position_embeddings=77, pad_token_id=0, bos_token_id=1, eos_token_id=2),
            vision_config=dict(**IMAGE, image_size=32, patch_size=8), projection_dim=16)

# Name, opset, network.
SMALL = {
    "bert": (18, text(lambda: tf.BertModel(tf.BertConfig(**TINY, max_position_embeddings=64)), ["last_hidden_state", "pooler_output"])),
    "albert": (22, text(lambda: tf.AlbertModel(tf.AlbertConfig(**TINY, embedding_size=16, max_position_embeddings=64)),
                        ["last_hidden_state"])),
    "deberta-v2": (19, text(lambda: tf.DebertaV2Model(tf.DebertaV2Config(
        **TINY, max_position_embeddings=64, relative_attention=True, pos_att_type=["c2p", "p2c"])), ["last_hidden_state"])),
    "gpt2": (20, text(lambda: tf.GPT2LMHeadModel(tf.GPT2Config(
        n_embd=32, n_layer=1, n_head=4, vocab_size=models.WORDS, n_positions=64, bos_token_id=1, eos_token_id=2)), ["logits"],
        use_cache=False)),
    "llama": (21, decoder(tf.LlamaConfig, tf.LlamaForCausalLM)),
    # Static: ONNX Runtime wants of RotaryEmbedding a cache for each text, and PyTorch writes one for all.
    "qwen3": (23, Model(lambda: Named(tf.Qwen3ForCausalLM(tf.Qwen3Config(**DECODER)), ("input_ids", "attention_mask"), ["logits"],
                                      use_cache=False), lambda: (ids(2, 7), mask(2, 7)), ({}, {}), [{}], "small")),
    "gemma3": (22, decoder(tf.Gemma3TextConfig, tf.Gemma3ForCausalLM, sliding_window=4)),
    "bitnet": (18, decoder(tf.BitNetConfig, models.bitnet)),
    "llama-cached": (20, Model(lambda: Cached(tf.LlamaConfig(**DECODER)), lambda batch, past, new: (
        ids(batch, new), torch.randn(batch, 2, past, 8), torch.randn(batch, 2, past, 8)),
        (SEQUENCE, {0: Dim.DYNAMIC, 2: Dim.DYNAMIC}, {0: Dim.DYNAMIC, 2: Dim.DYNAMIC}),
        [dict(batch=2, past=5, new=3), dict(batch=1, past=17, new=1), dict(batch=3, past=1, new=4)], "small")),
    "t5": (21, Model(lambda: Named(tf.T5ForConditionalGeneration(tf.T5Config(
        d_model=32, d_kv=8, d_ff=48, num_layers=1, num_heads=4, vocab_size=models.WORDS, decoder_start_token_id=0)),
        ("input_ids", "attention_mask", "decoder_input_ids"), ["logits"], use_cache=False),
        lambda batch, length, target: (ids(batch, length), mask(batch, length), ids(batch, target)), (SEQUENCE,) * 3,
        [dict(batch=2, length=7, target=5), dict(batch=1, length=13, target=3)], "small")),
    "whisper": (19, Model(lambda: Named(tf.WhisperForConditionalGeneration(tf.WhisperConfig(**WHISPER)), (
        "input_features", "decoder_input_ids"), ["logits"], use_cache=False),
        lambda batch, length: (torch.randn(batch, 8, 40), ids(batch, length)), (BATCH, SEQUENCE),
        [dict(batch=2, length=7), dict(batch=1, length=3)], "small")),
    "clip": (20, Model(lambda: Named(tf.CLIPModel(tf.CLIPConfig(**CLIP)), ("input_ids", "pixel_values", "attention_mask"),
                                     ["logits_per_image", "text_embeds"]),
                       lambda texts, length, images: (ids(texts, length), torch.randn(images, 3, 32, 32), mask(texts, length)),
                       (SEQUENCE, BATCH, SEQUENCE), [dict(texts=3, length=7, images=2), dict(texts=2, length=13, images=5)], "small")),
    "segformer": (18, image(lambda: Named(tf.SegformerForSemanticSegmentation(tf.SegformerConfig(
        hidden_sizes=[8, 16], depths=[1, 1], num_attention_heads=[1, 2], decoder_hidden_size=16, num_labels=5, num_encoder_blocks=2,
        sr_ratios=[4, 2], patch_sizes=[7, 3], strides=[4, 2], mlp_ratios=[2, 2])), ("pixel_values",), ["logits"]),
        runs=[dict(batch=2, height=64, width=32), dict(batch=1, height=96, width=64)])),
    "swin": (23, image(lambda: Named(tf.SwinModel(tf.SwinConfig(
        image_size=32, patch_size=4, embed_dim=16, depths=[2], num_heads=[2], window_size=4)), ("pixel_values",), ["last_hidden_state"]),
        BATCH, SQUARE)),
    "vit": (21, image(lambda: Named(tf.ViTForImageClassification(tf.ViTConfig(**IMAGE, image_size=32, patch_size=8)), (
        "pixel_values",), ["logits"]), BATCH, SQUARE)),
    "unet": (18, image(UNet)),
    "recurrent": (22, Model(Recurrent, lambda batch, length: (torch.randn(batch, length),), (SEQUENCE,),
                            [dict(batch=2, length=64), dict(batch=1, length=100), dict(batch=3, length=33)], "small")),
    "indices": (20, Model(Indices, lambda batch, width: (torch.randn(batch, width), torch.randint(0, 7, (batch, 4))), (
        SEQUENCE, BATCH), [dict(batch=5, width=9), dict(batch=3, width=17), dict(batch=2, width=7)], "small")),
    "norms": (21, image(Norms, channels=6, runs=[dict(batch=2, height=7, width=9), dict(batch=3, height=16, width=5)])),
    "shapes": (19, image(Shapes, channels=2, runs=[dict(batch=2, height=7, width=10), dict(batch=3, height=12, width=17)])),
}


def strip(path):
    import onnx
    model = onnx.load(str(path))
    model.doc_string = ""
    del model.metadata_props[:]
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        graph.doc_string = ""
        del graph.metadata_props[:]
        del graph.value_info[:]
        for node in graph.node:
            node.doc_string = ""
            del node.metadata_props[:]
    for value in [*model.graph.input, *model.graph.output, *model.graph.initializer]:
        value.doc_string = ""
        del value.metadata_props[:]
    onnx.save(model, str(path))


def main():
    warnings.filterwarnings("ignore")
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or SMALL:
        opset, model = SMALL[name]
        models.MODELS[name] = model
        path = folder / f"{name}.onnx"
        export.export(name, opset, True, path)
        strip(path)
        print(f"{path}: {path.stat().st_size + path.with_suffix('.npz').stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
