// What the functions of torch/_utils.py and torch/_tensor.py would build. Arguments:
//   _rebuild_tensor            storage, offset, size, stride
//   _rebuild_tensor_v2         ... requires_grad, hooks[, metadata]
//   _rebuild_tensor_v3         ... requires_grad, hooks, dtype[, metadata]
//   _rebuild_parameter         tensor, requires_grad, hooks
//   _rebuild_parameter_with_state  ... state
//   _rebuild_from_type_v2      function, type, arguments, state
#include "wire/torch_tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/limits.h"

namespace recast {
namespace {

enum class Form { plain, typed, wrapper, from_type, refused };
struct Rebuild {
  std::string_view name;
  Form form;
  size_t attributes = 0;       // argument that holds them; 0: none
  std::string_view what = {};  // of a refused one
};
constexpr Rebuild rebuilds[] = {
    {"torch._utils._rebuild_tensor", Form::plain},
    {"torch._utils._rebuild_tensor_v2", Form::plain},
    {"torch._utils._rebuild_tensor_v3", Form::typed},
    {"torch._utils._rebuild_parameter", Form::wrapper},
    {"torch._utils._rebuild_parameter_with_state", Form::wrapper, 3},
    {"torch._utils._rebuild_device_tensor_from_cpu_tensor", Form::wrapper},
    {"torch._tensor._rebuild_from_type_v2", Form::from_type, 3},
    {"torch._tensor._rebuild_from_type", Form::from_type, 3},
    {"torch._utils._rebuild_qtensor", Form::refused, 0, "a quantized tensor"},
    {"torch._utils._rebuild_sparse_tensor", Form::refused, 0, "a sparse tensor"},
    {"torch._utils._rebuild_sparse_csr_tensor", Form::refused, 0, "a sparse tensor"},
    {"torch._utils._rebuild_nested_tensor", Form::refused, 0, "a nested tensor"},
    {"torch._utils._rebuild_meta_tensor_no_storage", Form::refused, 0,
     "a meta tensor, without data"},
    {"torch._utils._rebuild_wrapper_subclass", Form::refused, 0, "a tensor subclass of parts"},
    {"torch._utils._rebuild_device_tensor_from_numpy", Form::refused, 0, "a tensor of NumPy"},
};
constexpr std::string_view own_classes[] = {"torch.Tensor", "torch._tensor.Tensor",
                                            "torch.nn.parameter.Parameter",
                                            "torch.nn.parameter.Buffer"};

const Rebuild* find_rebuild(std::string_view name) {
  const auto* row = std::find_if(std::begin(rebuilds), std::end(rebuilds),
                                 [&](const Rebuild& rebuild) { return rebuild.name == name; });
  return row == std::end(rebuilds) ? nullptr : row;
}

bool is_key(const PickleNode& id) {
  return id.kind == PickleKind::integer || id.kind == PickleKind::text;
}
std::string key_of(const PickleNode& id) {
  return id.kind == PickleKind::integer ? fmt::format("{}", id.integer) : id.text;
}

class Rebuilder {
 public:
  Rebuilder(const TorchFile& file, const std::string& name) : file_(file), name_(name) {}

  TorchTensor run(PickleRef ref) {
    const PickleNode& node = pickle()[ref];
    at_ = node.offset;
    if (node.kind == PickleKind::persistent) return from_persistent(node);
    return from_call(pickle().class_of(node), node.args, 0);
  }

 private:
  const Pickle& pickle() const { return file_.object; }

  [[noreturn]] void fail(const ErrorCode& code, ErrorFacts facts) const {
    facts.where = fmt::format("{}, pickle {}", tensor_where(name_), offset_where(at_));
    facts.file = file_.name;
    recast::fail(code, std::move(facts));
  }

  const PickleNode& argument(const PickleNode& arguments, size_t i, PickleKind kind) const {
    if (i >= arguments.items.size())
      fail(codes::torch_tensor, {.expected = fmt::format("at least {} arguments", i + 1),
                                 .found = fmt::format("{}", arguments.items.size())});
    const PickleNode& node = pickle()[arguments.items[i]];
    if (node.kind != kind)
      fail(codes::torch_tensor,
           {.expected = fmt::format("{} as argument {}", pickle_kind_name(kind), i + 1),
            .found = std::string(pickle_kind_name(node.kind))});
    return node;
  }

  TorchTensor from_call(std::string_view function, PickleRef arguments_ref, uint64_t wrappers) {
    const PickleNode& arguments = pickle()[arguments_ref];
    const Rebuild* rebuild = find_rebuild(function);
    if (!rebuild) fail(codes::pickle_reconstructor, {.found = printable(function)});
    if (wrappers > limit(Limit::torch_wrappers))
      fail(codes::pickle_reconstructor,
           over_limit(codes::pickle_reconstructor, Limit::torch_wrappers,
                      {.expected = "calls in each other", .found = printable(function)}));
    if (rebuild->form == Form::refused)
      fail(codes::torch_kind, {.found = fmt::format("{} ({})", rebuild->what, function)});
    if (rebuild->form == Form::wrapper) {
      const PickleNode& inner = argument(arguments, 0, PickleKind::call);
      return from_call(pickle().class_of(inner), inner.args, wrappers + 1);
    }
    if (rebuild->form == Form::from_type) {
      const PickleNode& inner = argument(arguments, 0, PickleKind::global);
      argument(arguments, 2, PickleKind::tuple);
      return from_call(inner.text, arguments.items[2], wrappers + 1);
    }
    return plain(arguments, rebuild->form == Form::typed);
  }

  TorchTensor plain(const PickleNode& arguments, bool typed) {
    TorchTensor tensor;
    const PickleNode& storage = argument(arguments, 0, PickleKind::persistent);
    tensor.offset = argument(arguments, 1, PickleKind::integer).integer;
    tensor.shape = numbers(argument(arguments, 2, PickleKind::tuple));
    tensor.stride = numbers(argument(arguments, 3, PickleKind::tuple));
    const size_t metadata = typed ? 7 : 6;
    if (arguments.items.size() > metadata) check_metadata(pickle()[arguments.items[metadata]]);
    find_storage(storage, tensor);
    if (typed) tensor.dtype = dtype_of(argument(arguments, 6, PickleKind::global).text);
    check(tensor);
    return tensor;
  }

  TorchTensor from_persistent(const PickleNode& node) {
    TorchTensor tensor;
    const auto tar = file_.tar_tensors.find(key_of(pickle()[node.args]));
    if (tar != file_.tar_tensors.end()) {
      tensor.shape = tar->second.shape;
      tensor.stride = tar->second.stride;
      tensor.offset = tar->second.offset;
      tar_storage(tar->second.storage, tensor);
    } else {
      find_storage(node, tensor);
      tensor.stride = {1};
      tensor.shape = {static_cast<int64_t>(tensor.storage.bytes / tensor.dtype->bytes)};
    }
    check(tensor);
    return tensor;
  }

  Shape numbers(const PickleNode& tuple) const {
    Shape out;
    if (tuple.items.size() > limit(Limit::torch_rank))
      fail(codes::torch_tensor,
           over_limit(codes::torch_tensor, Limit::torch_rank, {}, tuple.items.size()));
    for (const PickleRef item : tuple.items) {
      const PickleNode& number = pickle()[item];
      if (number.kind != PickleKind::integer)
        fail(codes::torch_tensor, {.expected = "integers as size and stride",
                                   .found = std::string(pickle_kind_name(number.kind))});
      out.push_back(number.integer);
    }
    return out;
  }

  // Bits that the values do not have: a conjugated view holds the bytes of its base.
  void check_metadata(const PickleNode& metadata) const {
    for (size_t i = 0; i + 1 < metadata.items.size(); i += 2)
      if (pickle()[metadata.items[i + 1]].integer != 0)
        fail(codes::torch_kind,
             {.found = fmt::format("a view with the bit \"{}\"",
                                   printable(pickle()[metadata.items[i]].text))});
  }

  const TorchDtype* dtype_of(std::string_view name) const {
    const TorchDtype* dtype = find_torch_dtype(name);
    if (!dtype || dtype->plain.empty()) fail(codes::torch_dtype, {.found = printable(name)});
    return dtype;
  }

  const TorchExtent& extent(const std::string& key) const {
    const auto it = file_.storages.find(key);
    if (it == file_.storages.end())
      fail(codes::torch_storage, {.expected = fmt::format("the storage data/{}", printable(key)),
                                  .found = "no such storage"});
    return it->second;
  }

  void tar_storage(const std::string& key, TorchTensor& tensor) const {
    tensor.storage = extent(key);
    tensor.dtype = dtype_of(file_.tar_types.at(key));
  }

  // ('storage', class, key, location, count[, (view key, offset, count)])
  void find_storage(const PickleNode& node, TorchTensor& tensor) const {
    const PickleNode& id = pickle()[node.args];
    if (is_key(id)) return tar_storage(key_of(id), tensor);
    if (pickle()[id.items[0]].text != "storage")
      fail(codes::pickle_persistent_id, {.found = "the id of a class as storage"});
    const std::string& type = pickle()[id.items[1]].text;
    const std::string& key = pickle()[id.items[2]].text;
    const auto count = static_cast<uint64_t>(pickle()[id.items[4]].integer);
    tensor.dtype = find_torch_storage(type);
    if (!tensor.dtype || tensor.dtype->plain.empty())
      fail(codes::torch_dtype,
           {.found = tensor.dtype ? std::string(tensor.dtype->name) : printable(type)});
    tensor.storage = extent(key);
    const uint64_t size = tensor.dtype->bytes;
    // An element of an untyped storage is a byte in a zip; the stream counts so too.
    if (tensor.storage.bytes / size != count || tensor.storage.bytes % size != 0)
      fail(codes::torch_storage,
           {.expected = fmt::format("{} elements of {} bytes in the storage data/{}", count, size,
                                    printable(key)),
            .found = fmt::format("{} bytes", tensor.storage.bytes)});
    if (id.items.size() == 6) take_view(pickle()[id.items[5]], size, tensor);
  }

  void take_view(const PickleNode& view, uint64_t size, TorchTensor& tensor) const {
    if (view.kind == PickleKind::none) return;
    const bool fits = view.kind == PickleKind::tuple && view.items.size() == 3;
    const uint64_t all = tensor.storage.bytes / size;
    const auto offset = fits ? static_cast<uint64_t>(pickle()[view.items[1]].integer) : 0;
    const auto count = fits ? static_cast<uint64_t>(pickle()[view.items[2]].integer) : 0;
    if (!fits || offset > all || count > all - offset)
      fail(codes::torch_storage, {.expected = fmt::format("a view of {} elements", all),
                                  .found = fmt::format("{} from {}", count, offset)});
    tensor.storage.offset += offset * size;
    tensor.storage.bytes = count * size;
  }

  void check(const TorchTensor& tensor) const {
    const auto count = element_count(tensor.shape);
    const auto item = static_cast<int64_t>(tensor.dtype->bytes);
    const auto found = [&] {
      return fmt::format("size {}, stride {}", to_string(tensor.shape), to_string(tensor.stride));
    };
    if (!count || *count > INT64_MAX / item || tensor.shape.size() != tensor.stride.size())
      fail(codes::torch_tensor,
           {.expected = "a possible size, and a stride for each axis", .found = found()});
    const auto bytes = static_cast<uint64_t>(*count * item);
    if (bytes > tensor.storage.bytes && bytes > limit(Limit::torch_expanded_bytes))
      fail(codes::torch_tensor, over_limit(codes::torch_tensor, Limit::torch_expanded_bytes,
                                           {.found = found()}, bytes));
    const auto all = static_cast<int64_t>(tensor.storage.bytes / tensor.dtype->bytes);
    int64_t last = tensor.offset;
    bool inside = tensor.offset >= 0 && tensor.offset <= all;
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
      int64_t reach = 0;
      inside = inside && tensor.stride[i] >= 0;
      if (*count > 0)
        inside = inside && !__builtin_mul_overflow(tensor.shape[i] - 1, tensor.stride[i], &reach) &&
                 !__builtin_add_overflow(last, reach, &last);
    }
    if (!inside || (*count > 0 && last >= all))
      fail(
          codes::torch_tensor,
          {.expected = fmt::format("elements inside a storage of {}", all),
           .found = fmt::format("out of bounds: size {}, stride {}, offset {}",
                                to_string(tensor.shape), to_string(tensor.stride), tensor.offset)});
  }

  const TorchFile& file_;
  const std::string& name_;
  uint64_t at_ = 0;
};

const PickleNode* nth_argument(const TorchFile& file, const PickleNode& node, size_t i) {
  const std::vector<PickleRef>& items = file.object[node.args].items;
  return i < items.size() ? &file.object[items[i]] : nullptr;
}

}  // namespace

bool TorchTensor::is_contiguous() const {
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && stride[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

int64_t TorchTensor::span() const {
  int64_t last = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return 0;
    last += (shape[i] - 1) * stride[i];
  }
  return last + 1;
}

bool is_torch_tensor(const TorchFile& file, const PickleNode& node) {
  if (node.kind == PickleKind::persistent)
    return is_key(file.object[node.args]) &&
           file.tar_tensors.contains(key_of(file.object[node.args]));
  return node.kind == PickleKind::call && find_rebuild(file.object.class_of(node));
}

bool is_torch_storage(const TorchFile& file, const PickleNode& node) {
  if (node.kind != PickleKind::persistent) return false;
  const PickleNode& id = file.object[node.args];
  if (is_key(id)) return file.storages.contains(key_of(id));
  return !id.items.empty() && file.object[id.items[0]].text == "storage";
}

std::string_view foreign_tensor_class(const TorchFile& file, const PickleNode& node) {
  const Rebuild* rebuild = find_rebuild(file.object.class_of(node));
  if (!rebuild || rebuild->form != Form::from_type) return {};
  const PickleNode* type = nth_argument(file, node, 1);
  if (!type || type->kind != PickleKind::global) return "unknown";
  const bool own = std::find(std::begin(own_classes), std::end(own_classes), type->text) !=
                   std::end(own_classes);
  return own ? std::string_view() : std::string_view(type->text);
}

PickleRef tensor_attributes(const TorchFile& file, const PickleNode& node) {
  const Rebuild* rebuild = find_rebuild(file.object.class_of(node));
  if (!rebuild || rebuild->attributes == 0) return 0;
  const std::vector<PickleRef>& items = file.object[node.args].items;
  return rebuild->attributes < items.size() ? items[rebuild->attributes] : 0;
}

TorchTensor rebuild_tensor(const TorchFile& file, PickleRef node, const std::string& name) {
  return Rebuilder(file, name).run(node);
}

}  // namespace recast
