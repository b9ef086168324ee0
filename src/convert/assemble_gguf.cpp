#include <fmt/format.h>

#include <algorithm>

#include "arch/facts.h"
#include "arch/rope.h"
#include "convert/assembler.h"
#include "convert/carry.h"
#include "convert/float_types.h"
#include "convert/pooling.h"
#include "convert/tokenizer_source.h"
#include "model/general_metadata.h"
#include "model/metadata_override.h"
#include "transform/fake_weights.h"

// What a GGUF is made of: keys, vocabulary, file type.
namespace recast {

void Assembler::finish_gguf(bool crosses) {
  set_types();
  if (request_.vocab_only) {
    out().tensors.clear();
    target_.origins.clear();
    target_.notes.emplace_back("vocabulary only: no tensors in the output, as asked");
  }
  if (crosses)
    gguf_metadata_from_hf();
  else
    keep_gguf_metadata();
  apply_overrides(out().metadata, override_pairs(options_.metadata),
                  crosses ? OverrideKeys::not_general : OverrideKeys::all);
  if (provenance_) add_provenance(request_, source_, target_.arch, out().metadata);
  mark_fake();
}

void Assembler::mark_fake() {
  if (!options_.fake_weight && !has_fake_weights(source_.metadata)) return;
  out().metadata.set(fake_weights_key,
                     to_gguf() ? MetaValue::boolean(true) : MetaValue::string("true"));
}

uint32_t Assembler::file_type_number() const {
  if (request_.quant) return request_.quant->number;
  for (const Tensor& tensor : out_tensors())
    if (tensor.shape().size() >= 2 && !keeps_float(tensor.name, tensor.shape()))
      if (const FileType* type = file_type_of(tensor.codec())) return type->number;
  return 0;
}

void Assembler::gguf_metadata_from_hf() {
  if (!options_.rope_scaling.empty()) write_rope_config(facts_, config_);
  warn_of_runtime(facts_, config_, config_file_, warnings());
  warn_of_unknown_keys(*facts_.arch, config_, config_file_, warnings());
  Facts& f = facts_.facts;
  std::optional<VocabularyResult> tokenizer = read_tokenizer(
      request_, source_, config_, std::string(facts_.arch->name), f.integer(Fact::vocab));
  const json::Value card = read_card(source_, warnings());
  const GeneralMetadata general = general_metadata(
      {.source_name = source_.name,
       .config = &config_,
       .generation_config = &source_.generation_config,
       .card = &card,
       .vocabulary = tokenizer ? &tokenizer->vocabulary : nullptr,
       .architecture = std::string(facts_.arch->gguf),
       .file_type = file_type_number(),
       .counts = count_parameters(out_tensors()),
       .overrides = override_pairs(options_.metadata)},
      warnings());
  Metadata& metadata = out().metadata;
  for (const auto& [key, value] : general.first.entries()) metadata.set(key, value);
  const Metadata own = gguf_metadata(facts_);
  for (const auto& [key, value] : own.entries()) metadata.set(key, value);
  for (const auto& [key, value] : general.last.entries()) metadata.set(key, value);
  if (tokenizer) {
    for (Finding& warning : tokenizer->warnings) warnings().push_back(std::move(warning));
    if (options_.preserve_metadata) carry_tokenizer(*tokenizer, metadata, target_.dropped);
    out().vocabulary = std::move(tokenizer->vocabulary);
    for (const std::string& file : tokenizer->files_used)
      target_.kept.push_back(fmt::format("{} (tokenizer)", file));
  } else {
    out().vocabulary = Vocabulary{};
    // Without tokenizer keys the special ids have no other place.
    for (const std::string_view key : {"bos_token_id", "eos_token_id", "pad_token_id"})
      if (const json::Value* id = config_.find(key); id && options_.preserve_metadata)
        out().metadata.set(fmt::format("src.hf.{}", key), MetaValue::string(json::write(*id)));
    target_.notes.emplace_back(options_.no_tokenizer
                                   ? "no tokenizer in the output, as asked"
                                   : "no tokenizer in the output: none stands beside the config");
  }
  carry_pooling(source_, facts_.arch->gguf, options_.preserve_metadata, target_);
  if (options_.preserve_metadata) {
    for (const auto& [key, value] : source_.metadata.entries())
      if (key.starts_with("src.pytorch.")) metadata.set(key, value);
    restore_gguf_keys(source_, metadata);
  }
  if (options_.preserve_metadata)
    carry_config(config_, facts_, source_, out(), target_.kept);
  for (const SideFile& side : source_.side_files)
    note_side_file(side.name, tokenizer ? tokenizer->files_used : std::vector<std::string>{});
}

void Assembler::note_side_file(const std::string& name, const std::vector<std::string>& used) {
  if (std::find(used.begin(), used.end(), name) != used.end()) return;
  // Read for general.*, or in another form in the tokenizer keys.
  if (name == "generation_config.json" || name == "README.md" || is_tokenizer_file(name) ||
      is_module_config(name))
    return;
  target_.dropped.push_back(fmt::format("{} (no place in a GGUF)", name));
}

void Assembler::keep_gguf_metadata() {
  out().vocabulary = source_.vocabulary;
  Metadata& metadata = out().metadata;
  if (request_.quant || request_.precision) {
    metadata.set("general.quantization_version", MetaValue::u32(2));
    metadata.set("general.file_type", MetaValue::u32(file_type_number()));
  }
  if (options_.context_length > 0 || !options_.rope_scaling.empty()) {
    const std::string prefix = std::string(facts_.arch->gguf) + ".";
    metadata.set(prefix + "context_length",
                 MetaValue::u32(static_cast<uint32_t>(facts_.facts.integer(Fact::context))));
    write_rope_metadata(facts_, prefix, metadata);
    for (const std::string_view key : {"src.hf.rope_parameters", "src.hf.rope_scaling"})
      metadata.erase(key);
  }
  if (!options_.preserve_metadata)
    for (const auto& [key, value] : std::vector<Metadata::Entry>(metadata.entries()))
      if (key.starts_with("src.")) metadata.erase(key);
  if (options_.no_tokenizer) drop_tokenizer_keys(metadata);
  target_.kept.push_back(fmt::format("{} metadata keys", metadata.entries().size()));
}

}  // namespace recast
