#include <fmt/format.h>

#include <algorithm>

#include "arch/facts.h"
#include "arch/rope.h"
#include "convert/assembler.h"
#include "convert/carry.h"
#include "convert/choose_types.h"
#include "convert/float_types.h"
#include "convert/pooling.h"
#include "convert/quantize_options.h"
#include "convert/tokenizer_source.h"
#include "model/general_metadata.h"
#include "model/metadata_override.h"
#include "transform/fake_weights.h"

// What a GGUF is made of: keys, vocabulary, file type.
namespace recast {

namespace {

std::string text_of(const Metadata& metadata, std::string_view key) {
  const MetaValue* value = metadata.find(key);
  return value && value->as_string() ? *value->as_string() : "";
}

}  // namespace

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
  if (request_.imatrix) describe_importance(*request_.imatrix, out().metadata);
  apply_overrides(out().metadata, override_pairs(options_.metadata),
                  crosses ? OverrideKeys::not_general : OverrideKeys::all);
  // no property of the weights, so it is no key of the architecture.
  if (request_.use_mlock) out().metadata.set(use_mlock_key, MetaValue::boolean(true));
  if (provenance_) add_provenance(request_, source_, target_.arch, out().metadata);
  mark_fake();
}

std::vector<const Codec*> Assembler::gguf_types() {
  const bool crosses = source_.convention != Convention::gguf;
  RecipeModel model = crosses ? recipe_model(facts_.arch->gguf, gguf_metadata(facts_))
                              : recipe_model_of(source_.metadata);
  // The reference counts the blocks of the source.
  model.layers += static_cast<int64_t>(request_.pruned.size());
  std::vector<TypePattern> patterns = request_.patterns;
  const TypeRequest ask{
      .quant = request_.quant,
      .precision = request_.precision,
      .embedding = request_.embedding,
      .output = request_.output_matrix,
      .leave_output = options_.leave_output,
      .pure = options_.pure,
      .allow_requantize = options_.allow_requantize,
      .from_gguf = !crosses,
      .has_imatrix = request_.imatrix != nullptr,
      .patterns = patterns,
      .model = std::move(model),
      .chosen = request_.choice ? &request_.choice->types : nullptr};
  return decide_types(out().tensors, ask, warnings());
}

ImportanceValues Assembler::importance_for(const Tensor& tensor, const Codec& type) {
  if (type.kind != CodecKind::block) return nullptr;
  ImportanceValues values =
      request_.imatrix ? importance_of(*request_.imatrix, tensor.name, tensor.shape()) : nullptr;
  if (!values && needs_importance(tensor.name, type, request_.quant))
    fail(codes::imatrix_needed,
         {.where = tensor_where(tensor.name),
          .expected = fmt::format("importance of its columns, for {}", type.name),
          .found = request_.imatrix ? "no entry of that name" : "no --imatrix",
          .file = request_.imatrix ? options_.imatrix : ""});
  const bool searches = effort_of(options_) == Effort::aggressive && type.encode_best;
  if (!type.encode_weighted && !searches) return nullptr;
  if (values) ++weighted_;
  // Programs that compute matrices leave the embedding and the head out.
  const Kind kind = kind_of(tensor.name);
  if (!values && kind != Kind::embedding && kind != Kind::output)
    unweighted_.push_back(tensor.name);
  return values;
}

void Assembler::report_importance() {
  if (!request_.imatrix || request_.makes_zeros()) return;
  if (weighted_ == 0 && !unweighted_.empty())
    fail(codes::imatrix_mismatch, {.where = tensor_where(unweighted_.front()),
                                   .expected = "an entry for some tensor that is packed",
                                   .found = fmt::format("{} entries, none of these names",
                                                        request_.imatrix->entries.size()),
                                   .file = options_.imatrix});
  target_.notes.push_back(fmt::format("{} tensors are packed by the importance of their columns",
                                      weighted_));
  const bool chosen = !options_.include_weights.empty() || !options_.exclude_weights.empty();
  if (unweighted_.empty() || chosen) return;
  warnings().push_back(Error(codes::imatrix_missing,
                             {.where = tensor_where(unweighted_.front()),
                              .found = fmt::format("{} tensors without one", unweighted_.size()),
                              .file = options_.imatrix}));
}

void Assembler::mark_fake() {
  if (!options_.fake_weight && !has_fake_weights(source_.metadata)) return;
  out().metadata.set(fake_weights_key,
                     to_gguf() ? MetaValue::boolean(true) : MetaValue::string("true"));
}

uint32_t Assembler::file_type_number() const {
  if (request_.quant && !request_.choice) return request_.quant->number;
  const Codec* main = request_.choice ? main_codec(target_.checkpoint) : nullptr;
  if (const FileType* type = main ? file_type_of(*main) : nullptr) return type->number;
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
    for (std::string& text : tokenizer->assumptions) target_.assumptions.push_back(std::move(text));
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
    restore_gguf_keys(source_, metadata, warnings());
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
    // Behind the other keys, as the reference quantizer does.
    metadata.erase("general.quantization_version");
    metadata.erase("general.file_type");
    metadata.set("general.quantization_version", MetaValue::u32(2));
    metadata.set("general.file_type", MetaValue::u32(file_type_number()));
  }
  const std::string blocks = text_of(metadata, "general.architecture") + ".block_count";
  if (const MetaValue* count = request_.pruned.empty() ? nullptr : metadata.find(blocks)) {
    const MetaValue left = *count;
    metadata.erase(blocks);
    metadata.set(blocks, left);  // behind those, too
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
