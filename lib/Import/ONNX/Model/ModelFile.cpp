//===- ModelFile.cpp - An ONNX file and the data of its tensors -----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelFile.h"
#include "io/OnnxTensor.h"
#include "tern/Support/InputFile.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include <limits>

using namespace tern::onnx_import;
using llvm::ArrayRef;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

static std::string describe(const onnx::TensorProto &tensor) {
  return "tensor " + quote(tensor.name());
}

static Expected<std::unique_ptr<llvm::MemoryBuffer>> mapFile(StringRef path) {
  Expected<std::unique_ptr<llvm::MemoryBuffer>> buffer =
      tern::openInputFile(path);
  if (!buffer)
    return createStringError(Twine("cannot read ") + quote(path) + ": " +
                             llvm::toString(buffer.takeError()));
  return buffer;
}

/// Signatures and weights files hold names as UTF-8, and C ends them at a NUL:
/// other names in the message get what the bytes are, written out. What names
/// files stays, and bytes, which are data.
static void makeNamesText(google::protobuf::Message &message) {
  using google::protobuf::FieldDescriptor;
  if (message.GetDescriptor() == onnx::StringStringEntryProto::descriptor())
    return;
  const google::protobuf::Reflection &reflection = *message.GetReflection();
  std::vector<const FieldDescriptor *> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor *field : fields) {
    bool isString = field->type() == FieldDescriptor::TYPE_STRING;
    bool isMessage = field->type() == FieldDescriptor::TYPE_MESSAGE;
    int size = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; (isString || isMessage) && i < size; ++i) {
      if (isMessage) {
        makeNamesText(
            field->is_repeated()
                ? *reflection.MutableRepeatedMessage(&message, field, i)
                : *reflection.MutableMessage(&message, field));
        continue;
      }
      std::string name = field->is_repeated()
                             ? reflection.GetRepeatedString(message, field, i)
                             : reflection.GetString(message, field);
      if (tern::runtime::isText(name))
        continue;
      name = tern::runtime::printable(name);
      if (field->is_repeated())
        reflection.SetRepeatedString(&message, field, i, name);
      else
        reflection.SetString(&message, field, name);
    }
  }
}

Expected<std::shared_ptr<ModelFile>>
ModelFile::open(StringRef path, std::shared_ptr<llvm::MemoryBuffer> bytes) {
  auto result = std::make_shared<ModelFile>();
  result->path = path.str();
  result->file = std::move(bytes);
  if (!result->file) {
    Expected<std::unique_ptr<llvm::MemoryBuffer>> file = mapFile(path);
    if (!file)
      return file.takeError();
    result->file = std::move(*file);
  }
  Expected<StrippedModel> stripped =
      stripInitializers(result->file->getBuffer());
  if (!stripped)
    return createStringError(Twine(path) + ": " +
                             llvm::toString(stripped.takeError()));
  if (stripped->proto.size() >
      static_cast<size_t>(std::numeric_limits<int>::max()))
    return createStringError(
        Twine(path) + ": the model has more than 2 GB beside its initializers; "
                      "store its tensors as initializers with raw or external "
                      "data");
  // protobuf limits the depth of nesting itself.
  if (!result->model.ParsePartialFromArray(
          stripped->proto.data(), static_cast<int>(stripped->proto.size())))
    return createStringError(Twine(path) + ": not an ONNX model, or truncated");
  makeNamesText(result->model);
  const auto &initializers = result->model.graph().initializer();
  if (static_cast<size_t>(initializers.size()) != stripped->initializers.size())
    return createStringError(Twine(path) + ": malformed initializers");
  for (int i = 0; i < initializers.size(); ++i)
    if (stripped->initializers[i].kind != DataSpan::None)
      result->spans[&initializers[i]] = stripped->initializers[i];
  return std::move(result);
}

Expected<TensorHeader> ModelFile::getHeader(const onnx::TensorProto &tensor) {
  std::optional<DType> dtype = getDType(tensor.data_type());
  if (!dtype)
    return createStringError(Twine(describe(tensor)) + " has element type " +
                             getONNXTypeName(tensor.data_type()) +
                             ", which is not supported");
  TensorHeader header{*dtype, {}, 1};
  if (tensor.dims_size() > maxRank)
    return createStringError(Twine(describe(tensor)) + " has rank " +
                             Twine(tensor.dims_size()) + ", more than " +
                             Twine(maxRank));
  bool overflow = false, empty = false;
  for (int64_t extent : tensor.dims()) {
    if (extent < 0)
      return createStringError(Twine(describe(tensor)) +
                               " has a negative extent, " + Twine(extent));
    header.shape.push_back(extent);
    empty |= extent == 0;
    overflow |=
        llvm::MulOverflow(header.numElements, extent, header.numElements);
  }
  int64_t numBytes;
  overflow |=
      llvm::MulOverflow(header.numElements, getByteSize(*dtype), numBytes);
  if (empty)
    header.numElements = 0;
  else if (overflow)
    return createStringError(Twine(describe(tensor)) +
                             " has a size in bytes that overflows");
  return header;
}

Expected<TensorData> ModelFile::getData(const onnx::TensorProto &tensor) {
  Expected<TensorHeader> header = getHeader(tensor);
  if (!header)
    return header.takeError();
  TensorData data;
  static_cast<TensorHeader &>(data) = *header;
  const tern::runtime::ElementType &type = getElementType(data.dtype);
  unsigned stride = type.bits;
  int64_t numBytes = tern::runtime::packedSize(stride, data.numElements);

  StringRef bytes;
  DataSpan span = spans.lookup(&tensor);
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
    Expected<StringRef> external = getExternalData(tensor, numBytes);
    if (!external)
      return external.takeError();
    bytes = *external;
  } else if (span.kind == DataSpan::RawData ||
             (span.kind == DataSpan::FloatData && data.dtype == DType::F32) ||
             (span.kind == DataSpan::DoubleData && data.dtype == DType::F64)) {
    bytes = span.bytes;
  } else if (tensor.has_raw_data()) {
    bytes = tensor.raw_data();
  } else {
    stride = tern::runtime::typedStride(type);
    auto field = std::make_shared<std::string>(
        tern::runtime::readTypedField(tensor, type.dtype));
    int64_t size = getByteSize(data.dtype);
    int64_t present = static_cast<int64_t>(field->size()) / size;
    numBytes = tern::runtime::packedSize(stride, data.numElements);
    if (present != numBytes / size)
      return createStringError(
          Twine(describe(tensor)) + " has " + Twine(present) +
          (stride < 8 ? " bytes of packed elements" : " elements") +
          "; its shape needs " + Twine(numBytes / size));
    bytes = *field;
    data.owner = field;
  }
  if (bytes.size() != static_cast<uint64_t>(numBytes))
    return createStringError(Twine(describe(tensor)) + " has " +
                             Twine(bytes.size()) +
                             " bytes of data; its shape "
                             "needs " +
                             Twine(numBytes));
  data.bytes = ArrayRef<char>(bytes.data(), bytes.size());
  if (type.bits < 8) {
    auto elements = std::make_shared<std::vector<char>>(data.numElements);
    tern::runtime::unpackElements(type, stride, bytes.data(), data.numElements,
                                  elements->data());
    data.bytes = *elements;
    data.owner = elements;
  }
  return data;
}

Expected<StringRef> ModelFile::getExternalData(const onnx::TensorProto &tensor,
                                               int64_t numBytes) {
  StringRef location;
  uint64_t offset = 0, length = numBytes;
  for (const onnx::StringStringEntryProto &entry : tensor.external_data()) {
    StringRef value = entry.value();
    if (entry.key() == "location") {
      location = value;
      continue;
    }
    if (entry.key() != "offset" && entry.key() != "length")
      continue;
    uint64_t &number = entry.key() == "offset" ? offset : length;
    if (value.getAsInteger(10, number))
      return createStringError(Twine(describe(tensor)) +
                               ": external data have a bad " +
                               quote(entry.key()) + ", " + quote(value));
  }
  Expected<const llvm::MemoryBuffer *> buffer = openExternalFile(location);
  if (!buffer)
    return createStringError(Twine(describe(tensor)) + ": " +
                             llvm::toString(buffer.takeError()));
  StringRef contents = (*buffer)->getBuffer();
  if (offset > contents.size() || length > contents.size() - offset)
    return createStringError(Twine(describe(tensor)) + " needs " +
                             Twine(length) + " bytes at offset " +
                             Twine(offset) + " of " + quote(location) +
                             ", which has only " + Twine(contents.size()));
  return contents.substr(offset, length);
}

static bool isInside(StringRef file, StringRef folder) {
  return file.consume_front(folder) &&
         (folder.ends_with("/") || file.starts_with("/"));
}

/// The real path of the file that a model calls `location`. A model must not
/// make its reader open files elsewhere, be it by `..` or by a symbolic link:
/// what counts is where the file really is. That is inside of the folder of the
/// model as it is named, or, where the model is a link, directly in the folder
/// of what it points to: in the caches of Hugging Face the model and its data
/// are links, side by side, to files that are side by side elsewhere.
static Expected<std::string> findExternalFile(StringRef model,
                                              StringRef location) {
  namespace path = llvm::sys::path;
  namespace fs = llvm::sys::fs;
  llvm::SmallString<256> folder(path::parent_path(model));
  if (folder.empty())
    folder = ".";
  llvm::SmallString<256> realFolder, realModel;
  if (fs::real_path(folder, realFolder) || fs::real_path(model, realModel))
    return createStringError("cannot find the model's folder");
  StringRef modelsHome = path::parent_path(realModel);
  bool isLink = fs::is_symlink_file(model);
  bool climbs =
      llvm::any_of(llvm::make_range(path::begin(location), path::end(location)),
                   [](StringRef part) { return part == ".."; });

  llvm::SmallString<256> target(folder), realTarget;
  path::append(target, location);
  std::error_code error = fs::real_path(target, realTarget);
  if (error == std::errc::no_such_file_or_directory && isLink && !climbs) {
    // A link to a model without a link to its data.
    target = modelsHome;
    path::append(target, location);
    error = fs::real_path(target, realTarget);
  }
  if (error)
    return createStringError("cannot read external data " + quote(location) +
                             ": " + error.message());
  if (isInside(realTarget, realFolder) ||
      (isLink && !climbs && path::parent_path(realTarget) == modelsHome))
    return realTarget.str().str();
  return createStringError("external data " + quote(location) +
                           " lie outside of the model's folder");
}

Expected<const llvm::MemoryBuffer *>
ModelFile::openExternalFile(StringRef location) {
  std::unique_ptr<llvm::MemoryBuffer> &buffer = externalFiles[location];
  if (buffer)
    return buffer.get();
  if (location.empty() || location.contains('\0'))
    return createStringError("external data without a usable file name");
  if (llvm::sys::path::is_absolute(location))
    return createStringError("external data at an absolute path, " +
                             quote(location) +
                             "; it must be relative to the "
                             "model's folder");
  Expected<std::string> found = findExternalFile(path, location);
  if (!found)
    return found.takeError();
  Expected<std::unique_ptr<llvm::MemoryBuffer>> file = mapFile(*found);
  if (!file)
    return file.takeError();
  buffer = std::move(*file);
  return buffer.get();
}

const onnx::TensorProto *
tern::onnx_import::getConstantTensor(const onnx::AttributeProto &attribute,
                                     onnx::TensorProto &tensor) {
  const std::string &name = attribute.name();
  if (name == "value" && attribute.has_t())
    return &attribute.t();
  if (name == "value_float" && attribute.has_f()) {
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    tensor.add_float_data(attribute.f());
  } else if (name == "value_int" && attribute.has_i()) {
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_int64_data(attribute.i());
  } else if (name == "value_floats") {
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    tensor.add_dims(attribute.floats_size());
    *tensor.mutable_float_data() = attribute.floats();
  } else if (name == "value_ints") {
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_dims(attribute.ints_size());
    *tensor.mutable_int64_data() = attribute.ints();
  } else {
    return nullptr;
  }
  return &tensor;
}
