# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The networks that check-exporters exports: torchvision's, timm's and transformers', all with random weights.

MODELS maps a name to a Model. Transformers are small; images have the size that the network asks for.
"""
import dataclasses
import typing

import torch
from torch import nn
from torch.export import Dim

# A network's weights file in MB, above which it is not exported.
LARGEST = 400


@dataclasses.dataclass
class Model:
    """What to export, and at which extents.

    build() makes the network; inputs(**extents) its operands, a tuple; dynamic has, of each operand, the axes that a dynamic
    export leaves open; extents are those of the export and, for a dynamic one, of the runs that follow it.
    """
    build: typing.Callable
    inputs: typing.Callable
    dynamic: tuple
    extents: tuple
    source: str
    # Opsets 18 to 23, each, rather than one of them.
    all_opsets: bool = False


MODELS = {}


def add(name, source, build, inputs, dynamic, extents, all_opsets=False):
    assert name not in MODELS, name
    MODELS[name] = Model(build, inputs, dynamic, tuple(extents), source, all_opsets)


# Images


def add_image_model(name, source, build, size, all_opsets=False, any_size=False):
    """Takes images [batch, 3, size, size]; any_size: the others, height and width are dynamic too."""
    dynamic = {0: Dim.DYNAMIC, **({2: Dim.DYNAMIC, 3: Dim.DYNAMIC} if any_size else {})}
    step = 32 if any_size else 0
    add(name, source, build, lambda batch, height, width: (torch.randn(batch, 3, height, width),), (dynamic,),
        [dict(batch=2, height=size, width=size), dict(batch=1, height=size + step, width=size + 2 * step),
         dict(batch=3, height=size, width=size + step)], all_opsets)


def add_torchvision():
    import torchvision.models as tv
    # Of these, the size of images is not the usual 224.
    sizes = {"inception_v3": 128}
    convolutional = ("resnet", "mobilenet", "efficientnet", "mnasnet", "regnet", "shufflenet", "densenet")
    for name in tv.list_models(module=tv):
        megabytes = tv.get_model_weights(name).DEFAULT.meta["_file_size"]
        if megabytes > LARGEST:
            continue
        options = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
        fixed = name.startswith(("vit", "maxvit", "swin", "convnext"))
        size = sizes.get(name, 224 if fixed else 96)
        add_image_model(name, "torchvision", lambda name=name, options=options: tv.get_model(name, weights=None, **options), size,
                        all_opsets=name == "resnet18", any_size=name.startswith(convolutional))

    class Dictionary(nn.Module):
        """A segmentation network; of its outputs the images."""

        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, x):
            return self.network(x)["out"]

    for name in tv.list_models(module=tv.segmentation):
        if tv.get_model_weights(name).DEFAULT.meta["_file_size"] <= LARGEST:
            add_image_model(name, "torchvision", lambda name=name: Dictionary(
                tv.get_model(name, weights=None, weights_backbone=None)), 96, any_size=True)
    for name in tv.list_models(module=tv.video):
        if tv.get_model_weights(name).DEFAULT.meta["_file_size"] <= LARGEST:
            frames = 16 if name.startswith(("mvit", "s3d")) else 8
            size = 224 if name.startswith(("mvit", "swin")) else 64
            add(name, "torchvision", lambda name=name: tv.get_model(name, weights=None),
                lambda batch, frames=frames, size=size: (torch.randn(batch, 3, frames, size, size),), ({0: Dim.DYNAMIC},),
                [dict(batch=2), dict(batch=1)])


# timm: one small network of each family.
TIMM = {
    "vit_tiny_patch16_224": 224, "deit3_small_patch16_224": 224, "convnext_atto": 96, "convnextv2_atto": 96,
    "mobilenetv4_conv_small": 96, "efficientnet_lite0": 96, "edgenext_xx_small": 128, "fastvit_t8": 128, "mobilevit_xxs": 128,
    "mobilevitv2_050": 128, "ghostnetv2_100": 96, "levit_128s": 224, "pvt_v2_b0": 96, "poolformer_s12": 96, "mixer_s32_224": 224,
    "coat_lite_tiny": 224, "eva02_tiny_patch14_224": 224, "hgnetv2_b0": 96, "repvit_m0_9": 96, "efficientvit_b0": 96,
    "tiny_vit_5m_224": 224, "xcit_nano_12_p16_224": 224, "focalnet_tiny_srf": 224, "dm_nfnet_f0": 96, "maxvit_rmlp_pico_rw_256": 256,
    "swinv2_cr_tiny_224": 224, "rexnet_100": 96, "mambaout_femto": 96,
}


def add_timm():
    import timm
    for name, size in TIMM.items():
        add_image_model(f"timm-{name}", "timm", lambda name=name: timm.create_model(name, pretrained=False), size,
                        all_opsets=name == "vit_tiny_patch16_224")


# transformers


class Named(nn.Module):
    """A network of transformers with tensors for operands, and of its outputs those that are named."""

    def __init__(self, network, operands, results, **options):
        super().__init__()
        self.network, self.operands, self.results, self.options = network, operands, results, options

    def forward(self, *tensors):
        output = self.network(**dict(zip(self.operands, tensors)), **self.options)
        return tuple(output[name] for name in self.results)


WORDS = 99


def ids(batch, length):
    return torch.randint(3, WORDS, (batch, length))


def mask(batch, length):
    """The last text is shorter than the others."""
    values = torch.ones(batch, length, dtype=torch.int64)
    values[-1, length - length // 3:] = 0
    return values


TEXT = [dict(batch=2, length=17), dict(batch=1, length=33), dict(batch=3, length=5)]
SEQUENCE = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
SMALL = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, vocab_size=WORDS)
DECODER = dict(SMALL, num_key_value_heads=2, max_position_embeddings=128, head_dim=16, pad_token_id=0, bos_token_id=1,
               eos_token_id=2)


def add_text_model(name, build, results, **options):
    """build() gives a network of input_ids and attention_mask."""
    add(name, "transformers", lambda: Named(build(), ("input_ids", "attention_mask"), results, **options),
        lambda batch, length: (ids(batch, length), mask(batch, length)), (SEQUENCE, SEQUENCE), TEXT, name in ("bert", "llama", "t5"))


def bitnet(config):
    """BitNet with its ternary layers (BitLinear), latent weights quantized in the graph."""
    import transformers
    from transformers.integrations import bitnet as integration
    network = transformers.BitNetForCausalLM(config)
    quantization = transformers.BitNetQuantConfig(linear_class="autobitlinear", quantization_mode="online",
                                                  modules_to_not_convert=["lm_head"])
    return integration.replace_with_bitnet_linear(network, modules_to_not_convert=["lm_head"], quantization_config=quantization)


def add_transformers():
    import transformers as tf
    encoders = {
        "bert": (tf.BertConfig, tf.BertModel), "roberta": (tf.RobertaConfig, tf.RobertaModel),
        "electra": (tf.ElectraConfig, tf.ElectraModel), "albert": (tf.AlbertConfig, tf.AlbertModel),
        "mpnet": (tf.MPNetConfig, tf.MPNetModel), "camembert": (tf.CamembertConfig, tf.CamembertModel),
        "deberta-v2": (tf.DebertaV2Config, tf.DebertaV2Model), "modernbert": (tf.ModernBertConfig, tf.ModernBertModel),
    }
    for name, (config, network) in encoders.items():
        options = dict(SMALL, max_position_embeddings=128, pad_token_id=0)
        if name == "albert":
            options.update(embedding_size=32)
        if name == "modernbert":
            options.update(bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2)
        add_text_model(name, lambda config=config, network=network, options=options: network(config(**options)),
                       ["last_hidden_state"])
    add_text_model("distilbert", lambda: tf.DistilBertModel(tf.DistilBertConfig(
        dim=64, hidden_dim=96, n_layers=2, n_heads=4, vocab_size=WORDS, max_position_embeddings=128)), ["last_hidden_state"])
    add_text_model("bert-classifier", lambda: tf.BertForSequenceClassification(tf.BertConfig(
        **SMALL, max_position_embeddings=128, num_labels=5)), ["logits"])
    decoders = {
        "llama": (tf.LlamaConfig, tf.LlamaForCausalLM), "qwen2": (tf.Qwen2Config, tf.Qwen2ForCausalLM),
        "qwen3": (tf.Qwen3Config, tf.Qwen3ForCausalLM), "mistral": (tf.MistralConfig, tf.MistralForCausalLM),
        "gemma": (tf.GemmaConfig, tf.GemmaForCausalLM), "gemma2": (tf.Gemma2Config, tf.Gemma2ForCausalLM),
        "gemma3": (tf.Gemma3TextConfig, tf.Gemma3ForCausalLM), "phi": (tf.PhiConfig, tf.PhiForCausalLM),
        "phi3": (tf.Phi3Config, tf.Phi3ForCausalLM), "olmo2": (tf.Olmo2Config, tf.Olmo2ForCausalLM),
        "smollm3": (tf.SmolLM3Config, tf.SmolLM3ForCausalLM), "bitnet": (tf.BitNetConfig, bitnet),
    }
    for name, (config, network) in decoders.items():
        add_text_model(name, lambda config=config, network=network: network(config(**DECODER)), ["logits"], use_cache=False)
    add_text_model("gpt2", lambda: tf.GPT2LMHeadModel(tf.GPT2Config(
        n_embd=64, n_layer=2, n_head=4, vocab_size=WORDS, n_positions=128, bos_token_id=1, eos_token_id=2)), ["logits"],
        use_cache=False)
    add_text_model("gpt-neox", lambda: tf.GPTNeoXForCausalLM(tf.GPTNeoXConfig(**SMALL, max_position_embeddings=128)), ["logits"],
                   use_cache=False)
    add_text_model("opt", lambda: tf.OPTForCausalLM(tf.OPTConfig(
        hidden_size=64, ffn_dim=96, num_hidden_layers=2, num_attention_heads=4, vocab_size=WORDS, max_position_embeddings=128,
        word_embed_proj_dim=64)), ["logits"], use_cache=False)
    add_text_model("clip-text", lambda: tf.CLIPTextModel(tf.CLIPTextConfig(
        **SMALL, max_position_embeddings=77, pad_token_id=0, bos_token_id=1, eos_token_id=2)), ["last_hidden_state", "pooler_output"])

    # Encoder and decoder
    t5 = dict(d_model=64, d_kv=16, d_ff=96, num_layers=2, num_heads=4, vocab_size=WORDS, decoder_start_token_id=0)
    pairs = {"t5": lambda: tf.T5ForConditionalGeneration(tf.T5Config(**t5)),
             "bart": lambda: tf.BartForConditionalGeneration(tf.BartConfig(
                 d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
                 encoder_ffn_dim=96, decoder_ffn_dim=96, vocab_size=WORDS, max_position_embeddings=128))}
    for name, build in pairs.items():
        add(name, "transformers", lambda build=build: Named(build(), ("input_ids", "attention_mask", "decoder_input_ids"),
                                                            ["logits"], use_cache=False),
            lambda batch, length, target: (ids(batch, length), mask(batch, length), ids(batch, target)),
            (SEQUENCE,) * 3, [dict(batch=2, length=17, target=9), dict(batch=1, length=33, target=3),
                              dict(batch=3, length=5, target=12)], all_opsets=name == "t5")
    whisper = tf.WhisperConfig(
        d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=96,
        decoder_ffn_dim=96, vocab_size=WORDS, num_mel_bins=16, max_source_positions=50, max_target_positions=32, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, suppress_tokens=None, begin_suppress_tokens=None)
    add("whisper", "transformers", lambda: Named(tf.WhisperForConditionalGeneration(whisper), (
        "input_features", "decoder_input_ids"), ["logits"], use_cache=False),
        lambda batch, length: (torch.randn(batch, 16, 100), ids(batch, length)), ({0: Dim.DYNAMIC}, SEQUENCE),
        [dict(batch=2, length=17), dict(batch=1, length=4), dict(batch=3, length=5)])
    wav2vec = tf.Wav2Vec2Config(**SMALL, conv_dim=(32, 32, 32), conv_kernel=(10, 3, 2), conv_stride=(5, 2, 2),
                                num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4)
    add("wav2vec2", "transformers", lambda: Named(tf.Wav2Vec2ForCTC(wav2vec), ("input_values",), ["logits"]),
        lambda batch, length: (torch.randn(batch, length),), (SEQUENCE,), [
            dict(batch=2, length=1600), dict(batch=1, length=2417), dict(batch=3, length=800)])

    # Images
    image = {k: v for k, v in SMALL.items() if k != "vocab_size"}
    vision = {
        "vit": lambda: Named(tf.ViTForImageClassification(tf.ViTConfig(**image, image_size=32, patch_size=8)), ("pixel_values",),
                             ["logits"]),
        "deit": lambda: Named(tf.DeiTModel(tf.DeiTConfig(**image, image_size=32, patch_size=8)), ("pixel_values",),
                              ["last_hidden_state"]),
        "dinov2": lambda: Named(tf.Dinov2Model(tf.Dinov2Config(**{k: v for k, v in image.items() if k != "intermediate_size"},
                                                               image_size=32, patch_size=8)), ("pixel_values",),
                                ["last_hidden_state"]),
        "clip-vision": lambda: Named(tf.CLIPVisionModel(tf.CLIPVisionConfig(**image, image_size=32, patch_size=8)),
                                     ("pixel_values",), ["last_hidden_state", "pooler_output"]),
        "swin": lambda: Named(tf.SwinModel(tf.SwinConfig(image_size=32, patch_size=2, embed_dim=32, depths=[2, 2], num_heads=[2, 4],
                                                         window_size=4)), ("pixel_values",), ["last_hidden_state"]),
        "resnet": lambda: Named(tf.ResNetForImageClassification(tf.ResNetConfig(
            embedding_size=16, hidden_sizes=[16, 32, 48, 64], depths=[1, 1, 1, 1])), ("pixel_values",), ["logits"]),
    }
    for name, build in vision.items():
        add_image_model(f"transformers-{name}", "transformers", build, 32)
    add_image_model("segformer", "transformers", lambda: Named(tf.SegformerForSemanticSegmentation(tf.SegformerConfig(
        hidden_sizes=[16, 32, 40, 64], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 5, 8], decoder_hidden_size=64, num_labels=7)),
        ("pixel_values",), ["logits"]), 64, any_size=True)
    clip = tf.CLIPConfig(text_config=dict(**SMALL, max_position_embeddings=77, pad_token_id=0, bos_token_id=1, eos_token_id=2),
                         vision_config=dict(**image, image_size=32, patch_size=8), projection_dim=32)
    add("clip", "transformers", lambda: Named(tf.CLIPModel(clip), ("input_ids", "pixel_values", "attention_mask"),
                                              ["logits_per_image", "text_embeds", "image_embeds"]),
        lambda texts, length, images: (ids(texts, length), torch.randn(images, 3, 32, 32), mask(texts, length)),
        (SEQUENCE, {0: Dim.DYNAMIC}, SEQUENCE), [dict(texts=3, length=17, images=2), dict(texts=2, length=33, images=5)])


add_torchvision()
add_timm()
add_transformers()
