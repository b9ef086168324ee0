#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "arch/facts.h"
#include "arch/recognise.h"
#include "arch/rope.h"
#include "codec/codecs.h"
#include "convert/assembler.h"
#include "convert/carry.h"
#include "convert/float_types.h"
#include "convert/pooling.h"
#include "convert/tokenizer_source.h"

// What a folder or a bare container is made of: config, tokenizer files, float types.
namespace recast {

namespace {

// torch's spelling of a float type, for `dtype`.
std::string torch_dtype(const Codec& codec) {
  if (&codec == &codec::f16) return "float16";
  if (&codec == &codec::bf16) return "bfloat16";
  if (&codec == &codec::f64) return "float64";
  return "float32";
}

// The float type that most matrices of the source have; f32 when they are packed.
const Codec& usual_float(const std::vector<Tensor>& tensors) {
  std::map<const Codec*, uint64_t> bytes;
  for (const Tensor& tensor : tensors)
    if (tensor.codec().kind == CodecKind::floating && tensor.codec().encode)
      bytes[&tensor.codec()] += tensor.bytes();
  const Codec* best = &codec::f32;
  uint64_t most = 0;
  for (const auto& [codec, n] : bytes)
    if (n > most) {
      most = n;
      best = codec;
    }
  return *best;
}

}  // namespace

Canonical Assembler::narrowed(Canonical canonical) {
  const Codec* type = request_.precision;
  if (!type) type = stated_float(source_);
  if (!type || type == &codec::f32) return canonical;
  if (request_.precision) return canonical;  // cast in set_types
  return narrow_exact(std::move(canonical), source_, *type);
}

void Assembler::finish_hf(bool crosses) {
  set_types();
  const Codec& dtype = usual_float(out().tensors);
  if (crosses)
    hf_files_from_gguf(dtype);
  else
    keep_hf_files(dtype);
  if (options_.context_length > 0 && config_.is_object() && target_.arch)
    config_.set(key_spelling(*target_.arch, Fact::context, Convention::hf),
                options_.context_length);
  if (!options_.rope_scaling.empty() && config_.is_object() && target_.arch)
    write_rope_config(facts_, config_);
  if (request_.to->holds_config) out().config = config_;
  for (const auto& [key, value] : override_pairs(options_.metadata))
    out().metadata.set(key, MetaValue::string(value));
  if (provenance_) add_provenance(request_, source_, target_.arch, out().metadata);
  mark_fake();
  if (!request_.to->holds_config) drop_what_has_no_place();
}

void Assembler::hf_files_from_gguf(const Codec& dtype) {
  const Vocabulary* vocabulary = source_.vocabulary ? &*source_.vocabulary : nullptr;
  config_ = config_from_facts(facts_, torch_dtype(dtype), vocabulary);
  // What an own GGUF carried of the original config comes back, but for what changed here.
  config_ = with_carried(config_, without(restored_, {"dtype", "torch_dtype"}), facts_,
                         config_file_);
  config_ = overlaid(config_, request_.model_config);
  out().generation_config = restore_generation_config(source_, vocabulary);
  if (!options_.no_tokenizer)
    out().side_files =
        rebuild_tokenizer(request_, source_, std::string(facts_.arch->name), warnings());
  for (const SideFile& side : out().side_files)
    target_.mapped.emplace_back("tokenizer.ggml.*", side.name);
  restore_modules(source_, facts_, target_);
  keep_gguf_keys();
}

void Assembler::keep_gguf_keys() {
  std::vector<std::string> unread = unread_gguf_keys(source_, facts_);
  if (options_.no_tokenizer)
    std::erase_if(unread, [](const std::string& key) { return key.starts_with("tokenizer."); });
  std::vector<std::string> acting;
  for (const std::string& key : unread) {
    if (may_change_results(*facts_.arch, key, *source_.metadata.find(key)))
      acting.push_back(printable(key));
    if (options_.preserve_metadata)
      target_.kept.push_back(fmt::format("{0} (as src.gguf.{0}, which no config says)",
                                         printable(key)));
    else
      target_.dropped.push_back(fmt::format("{} (no key of the config)", printable(key)));
  }
  if (!acting.empty())
    add_warning(warnings(),
                Error(codes::not_carried,
                      {.where = key_where(acting.front()),
                       .expected = fmt::format("keys of {} that its config has", facts_.arch->gguf),
                       .found = fmt::format("{}", fmt::join(acting, ", ")),
                       .fix = "check the result: programs that read the config do not see them",
                       .file = source_.config_file}));
  if (options_.preserve_metadata) carry_gguf_keys(source_, *facts_.arch, unread, out().metadata);
}

json::Value Assembler::without(json::Value config, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) config.erase(key);
  return config;
}

void Assembler::keep_hf_files(const Codec& dtype) {
  out().generation_config = source_.generation_config;
  out().side_files = source_.side_files;
  if (options_.no_tokenizer)
    std::erase_if(out().side_files, [](const SideFile& f) { return is_tokenizer_file(f.name); });
  else if (!options_.tokenizer.empty())
    replace_tokenizer_files(request_, out().side_files);
  if (target_.arch && config_.is_object() && !language_member(config_))
    config_ = complete_config(config_, facts_, torch_dtype(dtype));
  for (const SideFile& side : out().side_files) target_.kept.push_back(side.name);
}

void Assembler::note_stated_dtype() {
  const json::Value* stated = config_.find("dtype");
  if (!stated || stated->is_null()) stated = config_.find("torch_dtype");
  const Codec* main = main_codec(source_);
  if (source_.convention != Convention::hf || !stated || stated->is_null() || !main) return;
  if (main->kind != CodecKind::floating || !main->encode) return;
  const std::string* name = stated->as_string();
  if (name && (*name == torch_dtype(*main) || *name == "torch." + torch_dtype(*main) ||
               *name == "auto"))
    return;
  target_.notes.push_back(fmt::format("config.json says {}, most weights are {}: they are read so",
                                      printable(json::write(*stated)), main->name));
}

void Assembler::drop_what_has_no_place() {
  if (!out().side_files.empty() || config_.is_object())
    target_.notes.push_back(fmt::format(
        "{} holds tensors only: config and tokenizer stay behind (target hf keeps them)",
        request_.to->name));
  if (config_.is_object()) target_.dropped.emplace_back("config.json (the format holds none)");
  for (const SideFile& side : out().side_files)
    target_.dropped.push_back(fmt::format("{} (the format holds none)", side.name));
  target_.kept.clear();
  out().side_files.clear();
  out().generation_config = nullptr;
}

}  // namespace recast
