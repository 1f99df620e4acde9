//===- ForeignFile.cpp - Explain files of other formats -------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ForeignFile.h"
#include "tern/Driver/ModelFiles.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using llvm::StringRef;
using namespace llvm::sys;

namespace {
enum class Kind {
  Unknown,
  GGUF,
  HTML,
  Keras,
  LFSPointer,
  ORT,
  PyTorch,
  PyTorchProgram,
  Safetensors,
  TFLite,
  TensorFlow,
};
} // namespace

/// By the first bytes, which say more than a name.
static Kind getKindOfBytes(StringRef bytes) {
  if (bytes.starts_with("GGUF"))
    return Kind::GGUF;
  if (bytes.substr(4, 4) == "TFL3")
    return Kind::TFLite;
  if (bytes.substr(4, 4) == "ORTM")
    return Kind::ORT;
  if (bytes.starts_with("\x89HDF\r\n"))
    return Kind::Keras;
  if (bytes.starts_with("version https://git-lfs."))
    return Kind::LFSPointer;
  StringRef text = bytes.take_front(64).ltrim();
  if (text.starts_with_insensitive("<!doctype html") ||
      text.starts_with_insensitive("<html"))
    return Kind::HTML;
  // A pickle of protocol 2 to 5 of what old versions of PyTorch wrote, or an
  // archive with one.
  if (bytes.starts_with("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8"))
    return Kind::PyTorch;
  if (bytes.starts_with("PK\x03\x04")) {
    StringRef start = bytes.take_front(4096);
    if (start.contains("data.pkl"))
      return Kind::PyTorch;
    if (start.contains("archive_format") || start.contains("models/model.json"))
      return Kind::PyTorchProgram;
    if (start.contains("metadata.json") && start.contains("config.json"))
      return Kind::Keras;
  }
  // The length of a header of JSON.
  if (bytes.size() > 9 && bytes[8] == '{' &&
      llvm::support::endian::read64le(bytes.data()) <= bytes.size() - 8)
    return Kind::Safetensors;
  return Kind::Unknown;
}

static Kind getKindOfName(StringRef path) {
  std::string suffix = path::extension(path).lower();
  if (suffix == ".gguf" || suffix == ".ggml")
    return Kind::GGUF;
  if (suffix == ".tflite" || suffix == ".lite")
    return Kind::TFLite;
  if (suffix == ".ort")
    return Kind::ORT;
  if (suffix == ".h5" || suffix == ".hdf5" || suffix == ".keras")
    return Kind::Keras;
  if (suffix == ".pt" || suffix == ".pth" || suffix == ".ckpt" ||
      path::filename(path).starts_with("pytorch_model"))
    return Kind::PyTorch;
  if (suffix == ".pt2")
    return Kind::PyTorchProgram;
  if (suffix == ".safetensors")
    return Kind::Safetensors;
  if (suffix == ".pb" || suffix == ".pbtxt")
    return Kind::TensorFlow;
  return Kind::Unknown;
}

static Kind getKind(StringRef path, tern::ModelFiles &files) {
  auto buffer = files.getBytes(path);
  if (!buffer) {
    llvm::consumeError(buffer.takeError());
    return getKindOfName(path);
  }
  Kind kind = getKindOfBytes((*buffer)->getBuffer());
  return kind == Kind::Unknown ? getKindOfName(path) : kind;
}

/// What is in a folder that may be meant.
static std::string explainFolder(StringRef path) {
  std::string model;
  int count = 0;
  bool isTensorFlow = false;
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; it != end && !error;
       it.increment(error)) {
    isTensorFlow |= path::filename(it->path()) == "saved_model.pb";
    if (path::extension(it->path()) != ".onnx")
      continue;
    // The order of a folder's files is anyone's.
    if (count++ == 0 || it->path() < model)
      model = it->path();
  }
  if (count == 1)
    return "it is a folder; did you mean '" + model + "'?";
  if (count > 1)
    return "it is a folder; give one of the models in it, such as '" + model +
           "'";
  if (isTensorFlow)
    return ("it is a folder with a model of TensorFlow; 'python3 -m "
            "tf2onnx.convert --saved-model " +
            path + " --output model.onnx' converts it")
        .str();
  return "it is a folder; give a file, an ONNX model or MLIR";
}

std::string tern::explainForeignModel(StringRef path, ModelFiles &files) {
  if (fs::is_directory(path))
    return explainFolder(path);
  if (!fs::exists(path))
    return "";
  std::string file = path.str();
  auto convert = [&](const std::string &option) {
    return "'python3 -m tf2onnx.convert " + option + " " + file +
           " --output model.onnx' converts it";
  };
  switch (getKind(path, files)) {
  case Kind::Unknown:
    return "";
  case Kind::GGUF:
    return "it holds weights for llama.cpp, and no graph; export the model "
           "that "
           "it was made of to ONNX";
  case Kind::HTML:
    return "it is a page of the web, not a model; download the file itself";
  case Kind::Keras:
    return "it is a model of Keras; model.export('model.onnx', format='onnx') "
           "in Python writes it as ONNX";
  case Kind::LFSPointer:
    return "it is a pointer of Git LFS, not the model; 'git lfs pull' fetches "
           "that";
  case Kind::ORT:
    return "it is in ONNX Runtime's own format; give the .onnx that it was "
           "made "
           "of";
  case Kind::PyTorch:
    return "it is a file of PyTorch; torch.onnx.export(model, inputs, "
           "'model.onnx', dynamo=True) in Python writes the model as ONNX";
  case Kind::PyTorchProgram:
    return "it is a program of PyTorch; torch.onnx.export(torch.export.load('" +
           file +
           "'), (), 'model.onnx', dynamo=True) in Python writes it as "
           "ONNX";
  case Kind::Safetensors:
    return "it holds weights, and no graph; give the model as ONNX or MLIR, "
           "and this file by --weights=" +
           file;
  case Kind::TFLite:
    return "it is a model of TensorFlow Lite; " + convert("--tflite");
  case Kind::TensorFlow:
    return "it is a graph of TensorFlow; 'python3 -m tf2onnx.convert "
           "--graphdef " +
           file +
           " --inputs NAME:0 --outputs NAME:0 --output model.onnx' converts it";
  }
  return "";
}

std::string tern::explainForeignWeights(StringRef path, ModelFiles &files) {
  if (fs::is_directory(path))
    return "it is a folder; give a file, .safetensors or .onnx";
  if (!fs::exists(path))
    return "";
  switch (getKind(path, files)) {
  case Kind::LFSPointer:
    return "it is a pointer of Git LFS, not the weights; 'git lfs pull' "
           "fetches "
           "these";
  case Kind::PyTorch:
    return "it is a file of PyTorch; safetensors.torch.save_file("
           "model.state_dict(), 'weights.safetensors') in Python writes what "
           "--weights takes";
  case Kind::GGUF:
    return "it holds weights for llama.cpp; --weights takes .safetensors and "
           ".onnx";
  default:
    return "";
  }
}
