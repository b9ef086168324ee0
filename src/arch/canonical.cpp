#include "arch/canonical.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "arch/facts.h"
#include "arch/rope.h"
#include "base/limits.h"
#include "codec/codecs.h"
#include "tensor/lazy_ops.h"

namespace recast {

const std::string_view text_wrappers =
    "language_model.model. model.language_model.model. model.language_model. language_model. "
    "model.text_model. text_model. thinker.model. thinker. module. _orig_mod.";
const std::string_view other_parts =
    "vision_tower. model.vision_tower. vision_model. model.vision_model. visual. model.visual. "
    "vision_encoder. model.vision_encoder. vision_embed_tokens. model.vision_embed_tokens. "
    "multi_modal_projector. model.multi_modal_projector. mm_projector. model.mm_projector. "
    "connector. model.connector. patch_merger. model.patch_merger. vision_adapter. "
    "audio_tower. model.audio_tower. audio_projector. model.audio_projector. audio_model. "
    "embed_vision. model.embed_vision. embed_audio. model.embed_audio. img_projector. "
    "image_newline model.image_newline thinker.visual. thinker.audio_tower. talker. token2wav.";

namespace {

class Canonicaliser {
 public:
  Canonicaliser(const Checkpoint& source, ModelFacts model, std::vector<Finding>& warnings)
      : source_(source), warnings_(warnings) {
    out_.model = std::move(model);
    prefixes_ = words(arch().prefixes);
  }

  Canonical run() {
    check_layers();
    check_counts();
    slots_in_order_ = native_slots(model(), source_.convention);
    for (const NamedSlot& slot : slots_in_order_) slots_.emplace(slot.first, &slot.second);
    also_read_ = also_read_slots(model(), source_.convention);
    for (const NamedSlot& slot : also_read_) slots_.emplace(slot.first, &slot.second);
    for (const Tensor& tensor : source_.tensors) take(tensor);
    stack_entries();
    settle_head();
    check_complete();
    if (!problems_.empty()) raise();
    return std::move(out_);
  }

 private:
  const ModelFacts& model() const { return out_.model; }
  const Architecture& arch() const { return *out_.model.arch; }
  bool hf() const { return source_.convention == Convention::hf; }
  std::string blamed_key(Fact fact) const {
    return key_where(key_spelling(arch(), fact, source_.convention));
  }

  // The name as the table spells it: a family prefix that is missing from the file is put back, one
  // that wraps the whole model is taken off, an old ending is replaced.
  std::string table_name(std::string_view name) const {
    if (!hf() || slots_.contains(std::string(name))) return std::string(name);
    if (auto found = with_prefix(name)) return *found;
    for (const std::string_view wrapper : wrappers_)
      if (name.starts_with(wrapper))
        if (auto found = with_prefix(name.substr(wrapper.size()))) return *found;
    return std::string(name);
  }
  std::optional<std::string> with_prefix(std::string_view name) const {
    if (auto found = with_suffix(std::string(name))) return found;
    for (const std::string_view prefix : prefixes_) {
      if (auto found = with_suffix(std::string(prefix).append(name))) return found;
      if (name.starts_with(prefix))
        if (auto found = with_suffix(std::string(name.substr(prefix.size())))) return found;
    }
    return std::nullopt;
  }
  std::optional<std::string> with_suffix(std::string name) const {
    if (slots_.contains(name)) return name;
    for (const std::string_view pair : words(arch().suffixes)) {
      const size_t equals = pair.find('=');
      const std::string_view old = pair.substr(0, equals);
      if (!name.ends_with(old)) continue;
      std::string other = name.substr(0, name.size() - old.size()).append(pair.substr(equals + 1));
      if (slots_.contains(other)) return other;
    }
    return std::nullopt;
  }

  // Layers in the file, by the numbers in its names, against the config. Without this a config of
  // another size would be reported as a hundred missing tensors.
  void check_layers() {
    if (source_.tensors.empty())
      fail(codes::tensor_missing, {.expected = "the weights", .found = "no tensor at all"});
    std::map<Fact, std::pair<int64_t, std::string>> highest;
    for (const auto* tables : {&arch().tensors, &arch().also_read})
      for (const auto& group : *tables)
        for (const TensorRow& row : group) note_layers(row, highest[row.count]);
    for (const auto& [count, last] : highest) {
      const int64_t layers = model().facts.integer(count);
      const int64_t extra = count == Fact::layers ? model().facts.integer(Fact::mtp_layers) : 0;
      if (last.first + 1 >= layers && last.first + 1 <= layers + extra) continue;
      fail(codes::config_contradicts,
           {.where = blamed_key(count),
            .expected = fmt::format("{}, by the tensor names (last: {})", last.first + 1,
                                    last.second.empty() ? "none" : printable(last.second)),
            .found = fmt::format("{}", layers),
            .file = source_.config_file});
    }
  }

  void note_layers(const TensorRow& row, std::pair<int64_t, std::string>& highest) const {
    const std::string_view name = row.cell(source_.convention).name;
    const size_t at = name.find("{}");
    if (at == std::string_view::npos) return;
    const std::string_view head = name.substr(0, at);
    std::string_view tail = name.substr(at + 2);
    tail = tail.substr(0, tail.find("{e}"));
    for (const Tensor& tensor : source_.tensors) {
      const int64_t layer = layer_in(tensor.name, head, tail);
      if (layer > highest.first || highest.second.empty()) {
        if (layer < 0) continue;
        highest = {layer, tensor.name};
      }
    }
  }

  // A file may have other tensors than the config says, but not a thousand times more names:
  // experts by the million in a config are damage, and would only cost memory.
  void check_counts() {
    const uint64_t slots = slot_count(model(), source_.convention);
    const uint64_t tensors = source_.tensors.size();
    const uint64_t per_tensor = limit(Limit::model_names_per_tensor);
    const uint64_t beyond = slots - std::min(slots, tensors * per_tensor);
    if (beyond > limit(Limit::model_names))
      fail_limit(codes::config_contradicts, Limit::model_names,
                 {.where = blamed_key(Fact::experts),
                  .expected = fmt::format("{} a tensor (limit {}) of {} tensors, and beyond",
                                          per_tensor,
                                          limit_row(Limit::model_names_per_tensor).name, tensors),
                  .found = fmt::format("{}, which makes {} names",
                                       model().facts.integer(Fact::experts), slots),
                  .file = source_.config_file},
                 beyond);
  }

  int64_t layer_in(std::string_view name, std::string_view head, std::string_view tail) const {
    if (hf() && !name.starts_with(head))
      for (const std::string_view wrapper : wrappers_)
        if (name.starts_with(wrapper)) {
          name.remove_prefix(wrapper.size());
          break;
        }
    for (const std::string_view prefix : prefixes_)
      if (!hf() || name.starts_with(head))
        break;
      else if (head.starts_with(prefix) && name.starts_with(head.substr(prefix.size())))
        head.remove_prefix(prefix.size());
      else if (name.starts_with(prefix))
        name.remove_prefix(prefix.size());
    if (!name.starts_with(head)) return -1;
    name.remove_prefix(head.size());
    int64_t layer = 0;
    size_t digits = 0;
    while (digits < name.size() && digits < 9 && name[digits] >= '0' && name[digits] <= '9')
      layer = layer * 10 + (name[digits++] - '0');
    if (digits == 0 || !name.substr(digits).starts_with(tail)) return -1;
    return layer;
  }

  void take(const Tensor& tensor) {
    const std::string name = table_name(tensor.name);
    const auto it = slots_.find(name);
    // A head beside a tied embedding is looked at when all is read.
    if (it == slots_.end() || !(is_asked_for(*it->second, model()) ||
                                it->second->rows.front()->role == Role::output)) {
      leave_out(tensor.name);
      return;
    }
    const Slot& slot = *it->second;
    if (slot.rows.front()->weight.possible && !slot.rows.front()->weight.holds &&
        slot.rows.front()->hf.name.empty()) {
      out_.dropped.push_back({tensor.name, "rope factors are config values"});
      return;
    }
    if (!taken_.insert(name).second) {
      problem(codes::tensor_twice, {.where = tensor_where(tensor.name), .file = file_of(tensor)});
      return;
    }
    if (!check_shape(tensor, slot)) return;
    std::vector<ValuePtr> parts = split_native(tensor.value, slot, source_.convention, model());
    for (size_t i = 0; i < parts.size(); ++i)
      if (slot.expert < 0)
        out_.tensors[slot.key(*slot.rows[i])] = {std::move(parts[i]), tensor.name};
      else
        entries_[slot.key(*slot.rows[i])][slot.expert] = {std::move(parts[i]), tensor.name};
  }

  // No role: dropped by a rule, of another part of the model, or not known.
  void leave_out(const std::string& name) {
    for (const std::string_view suffix : words(arch().dropped))
      if (name.ends_with(suffix)) {
        out_.dropped.push_back({name, "buffer of an old checkpoint"});
        return;
      }
    if (hf() && begins_with_any(name, arch().parts))
      out_.dropped.push_back({name, "no part of the language model"});
    else if (hf() && is_other_modality(name))
      out_.other_modalities.push_back(name);
    else if (is_beyond_layers(name))
      out_.dropped.push_back({name, "multi-token prediction layer"});
    else
      out_.unknown.push_back(name);
  }

  bool is_beyond_layers(std::string_view name) const {
    if (model().facts.integer(Fact::mtp_layers) == 0) return false;
    const std::string_view head = hf() ? "model.layers." : "blk.";
    return layer_in(name, head, ".") >= model().facts.integer(Fact::layers);
  }

  // One tensor an expert becomes one stack.
  void stack_entries() {
    for (auto& [key, entries] : entries_) {
      std::vector<ValuePtr> parts;
      std::vector<std::string> sources;
      Shape shape;
      const Codec* first = &entries.begin()->second.value->codec();
      const bool one_type = std::all_of(entries.begin(), entries.end(), [&](const auto& entry) {
        return &entry.second.value->codec() == first;
      });
      for (auto& [entry, tensor] : entries) {
        shape = tensor.value->shape();
        if (!one_type) tensor.value = as_f32(std::move(tensor));
        parts.push_back(std::move(tensor.value));
        sources.push_back(std::move(tensor.source));
      }
      shape.front() = static_cast<int64_t>(parts.size());
      RoleTensor& stack = out_.tensors[key];
      stack = {concat(std::move(parts), std::move(shape)), std::move(sources.front())};
      sources.erase(sources.begin());
      stack.further_sources = std::move(sources);
    }
  }

  // Experts may come in several types: f32 holds what they hold.
  static ValuePtr as_f32(RoleTensor tensor) {
    if (!tensor.value->codec().decode)
      fail(codes::type_not_decodable, {.where = tensor_where(tensor.source),
                                       .expected = "one type for all experts",
                                       .found = std::string(tensor.value->codec().name)});
    return cast(std::move(tensor.value), codec::f32);
  }

  // Compares with the shape that the config asks for, in the form of the file.
  bool check_shape(const Tensor& tensor, const Slot& slot) {
    const Shape want = native_shape(slot, source_.convention, model());
    const Shape& have = tensor.shape();
    if (have == want) return true;
    size_t axis = 0;
    while (axis < want.size() && axis < have.size() && have[axis] == want[axis]) ++axis;
    const std::vector<Dim> dims = native_dims(slot, source_.convention);
    problem(codes::tensor_shape,
            {.where = fmt::format("{}, {}", tensor_where(tensor.name),
                                  blamed_key(dims[axis < dims.size() ? axis : 0].blame)),
             .expected = to_string(want),
             .found = to_string(have),
             .file = file_of(tensor)});
    return false;
  }

  // The file that holds a tensor; empty when it is put together from several.
  static std::string file_of(const Tensor& tensor) {
    const auto extent = tensor.value->extent();
    return extent && extent->file ? extent->file->name() : "";
  }

  // A head beside a tied embedding: equal bytes are one matrix, other bytes are a contradiction
  // that loaders resolve in favour of the embedding.
  void settle_head() {
    const RoleKey head{Role::output};
    const auto it = out_.tensors.find(head);
    if (it == out_.tensors.end() || !model().facts.flag(Fact::tied)) return;
    const auto embedding = out_.tensors.find({Role::token_embd});
    if (embedding != out_.tensors.end() && !same_bytes(*it->second.value, *embedding->second.value))
      add_warning(warnings_, Error(codes::head_differs,
                                   {.where = tensor_where(it->second.source),
                                    .expected = "the values of " + embedding->second.source,
                                    .file = source_.config_file}));
    out_.dropped.push_back({it->second.source, "tied head"});
    out_.tensors.erase(it);
  }

  static bool same_bytes(const Value& a, const Value& b) {
    if (&a.codec() != &b.codec() || a.elements() != b.elements()) return false;
    constexpr int64_t slab = 256 * 1024;
    FloatCensus census;
    for (int64_t at = 0; at < a.elements(); at += slab) {
      const int64_t end = std::min(a.elements(), at + slab);
      const Window left = a.fetch(at, end, census), right = b.fetch(at, end, census);
      if (!std::equal(left.bytes().begin(), left.bytes().end(), right.bytes().begin()))
        return false;
    }
    return true;
  }

  void check_complete() {
    tie_by_absence();
    for (const auto& [name, slot] : slots_in_order_) {
      if (!is_needed(slot, model()) || taken_.contains(name)) continue;
      const RoleKey key = slot.key(*slot.rows.front());
      const auto entries = entries_.find(key);
      const bool there = slot.expert < 0 || entries == entries_.end()
                             ? out_.tensors.contains(key)
                             : entries->second.contains(slot.expert);
      if (!there) problem(codes::tensor_missing, {.where = tensor_where(name)});
    }
  }

  // No head, and the config does not say that there is one of its own.
  void tie_by_absence() {
    const KeyRow* row = find_key(arch(), Fact::tied);
    if (!hf() || !row || row->hf.empty() || model().facts.flag(Fact::tied) ||
        out_.tensors.contains({Role::output}) || source_.config.find(row->hf))
      return;
    out_.model.facts.set(Fact::tied, true);
    add_warning(warnings_, Error(codes::tied_by_absence,
                                 {.where = key_where(row->hf), .file = source_.config_file}));
  }

  void problem(const ErrorCode& code, ErrorFacts facts) {
    if (facts.file.empty()) facts.file = first_file(source_);
    problems_.emplace_back(code, std::move(facts));
  }
  [[noreturn]] void raise() {
    Error first = problems_.front();
    for (size_t i = 1; i < problems_.size() && i < 3; ++i) first.more.push_back(problems_[i]);
    throw first;
  }

  const Checkpoint& source_;
  std::vector<Finding>& warnings_;
  Canonical out_;
  // Split once: every tensor is held against them for every row.
  const std::vector<std::string_view> wrappers_ = words(text_wrappers);
  std::vector<std::string_view> prefixes_;
  std::vector<NamedSlot> slots_in_order_, also_read_;
  std::unordered_map<std::string, const Slot*> slots_;
  std::map<RoleKey, std::map<int, RoleTensor>> entries_;  // of stacks that come one by one
  std::set<std::string> taken_;
  std::vector<Error> problems_;
};

// The rope factors that the target keeps as tensors.
std::map<RoleKey, RoleTensor> with_rope_tensors(const Canonical& canonical,
                                                Convention convention) {
  std::map<RoleKey, RoleTensor> all = canonical.tensors;
  if (convention == Convention::gguf)
    for (auto& [role, factors] : rope_tensors(canonical.model))
      all[{role}] = {constant_f32(factors, {static_cast<int64_t>(factors.size())}, codec::f32),
                     "config"};
  return all;
}

}  // namespace

Canonical to_canonical(const Checkpoint& source, ModelFacts model,
                       std::vector<Finding>& warnings) {
  return Canonicaliser(source, std::move(model), warnings).run();
}

bool begins_with_any(std::string_view name, std::string_view list) {
  for (const std::string_view word : words(list))
    if (name.starts_with(word)) return true;
  return false;
}
bool is_other_modality(std::string_view name) { return begins_with_any(name, other_parts); }

Canonical held_by(Canonical canonical, Convention convention) {
  std::set<RoleKey> held;
  for (const auto& [name, slot] : native_slots(canonical.model, convention))
    for (const TensorRow* row : slot.rows) {
      held.insert(slot.key(*row));
      const auto it = canonical.tensors.find(slot.key(*row));
      if (it == canonical.tensors.end() || !row->cell(convention).skip.extent) continue;
      ValuePtr native = join_native({it->second.value}, slot, convention, canonical.model);
      it->second.value =
          split_native(std::move(native), slot, convention, canonical.model).front();
    }
  for (auto it = canonical.tensors.begin(); it != canonical.tensors.end();)
    if (held.contains(it->first)) {
      ++it;
    } else {
      canonical.dropped.push_back({it->second.source, "no place in the target"});
      for (const std::string& name : it->second.further_sources)
        canonical.dropped.push_back({name, "no place in the target"});
      it = canonical.tensors.erase(it);
    }
  return canonical;
}

std::vector<NativeTensor> from_canonical(const Canonical& canonical, Convention convention) {
  const std::map<RoleKey, RoleTensor> all = with_rope_tensors(canonical, convention);
  std::vector<NativeTensor> out;
  for (const auto& [name, slot] : native_slots(canonical.model, convention)) {
    if (!is_asked_for(slot, canonical.model) && slot.rows.front()->role != Role::output) continue;
    NativeTensor native;
    std::vector<ValuePtr> parts;
    for (const TensorRow* row : slot.rows) {
      const auto it = all.find(slot.key(*row));
      if (it == all.end()) break;
      parts.push_back(it->second.value);
      native.roles.push_back(it->first);
    }
    if (parts.empty() || parts.size() != slot.rows.size()) continue;
    native.tensor = {name,
                     join_native(std::move(parts), slot, convention, canonical.model)};
    out.push_back(std::move(native));
  }
  return out;
}

}  // namespace recast
