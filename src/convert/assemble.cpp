#include "convert/assemble.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "arch/canonical.h"
#include "arch/derive.h"
#include "arch/facts.h"
#include "arch/recognise.h"
#include "arch/rope.h"
#include "codec/codecs.h"
#include "convert/carry.h"
#include "convert/float_types.h"
#include "convert/language_part.h"
#include "convert/pooling.h"
#include "convert/tokenizer_source.h"
#include "model/general_metadata.h"
#include "model/metadata_override.h"
#include "tensor/fill.h"
#include "tensor/lazy_ops.h"
#include "transform/fake_weights.h"

namespace recast {

namespace {

// A base with the members of a partial config laid over it.
json::Value overlaid(json::Value base, const json::Value& overlay) {
  if (base.is_null()) base = json::Value(json::Object{});
  if (const json::Object* members = overlay.as_object())
    for (const auto& [key, value] : *members) base.set(key, value);
  return base;
}

CastOptions cast_options(const ConvertOptions& options) {
  return {.clamp_overflow = options.allow_overflow == "clamp",
          .replace_nonfinite = options.allow_nonfinite};
}

// The most frequent type by bytes, for the name and the report.
std::string main_type(const Checkpoint& checkpoint) {
  std::map<std::string_view, uint64_t> bytes;
  for (const Tensor& tensor : checkpoint.tensors) bytes[tensor.codec().name] += tensor.bytes();
  std::string_view best = "";
  uint64_t most = 0;
  for (const auto& [name, n] : bytes)
    if (n > most) {
      most = n;
      best = name;
    }
  return std::string(best);
}

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

class Assembler {
 public:
  Assembler(const Request& request, const Checkpoint& source)
      : request_(request), options_(request.options), source_(source) {}

  Target run() {
    target_.warnings = source_.warnings;
    target_.notes = request_.notes;
    target_.checkpoint.convention = request_.to->convention;
    target_.checkpoint.name = source_.name;
    config_ = source_.convention == Convention::hf && source_.config.is_null() &&
                      request_.model_config.is_null()
                  ? json::Value(nullptr)
                  : overlaid(source_.config, request_.model_config);
    config_file_ = source_.config_file.empty() ? request_.model_config_file : source_.config_file;
    const bool unchanged = request_.from == request_.to && !request_.asks_for_change();
    // A set of files is joined: only one file, or a whole folder, can be copied as it is.
    if (unchanged && (source_.files.size() == 1 || request_.to->extension.empty())) return copy();
    provenance_ = options_.provenance && !unchanged;
    const bool text_only = options_.text_only && source_.convention == Convention::hf;
    const bool crosses = source_.convention != request_.to->convention;
    const bool positions = options_.context_length > 0 || !options_.rope_scaling.empty();
    if (crosses || request_.to->holds_config || positions || text_only)
      recognise_or_refuse(crosses || text_only || (positions && to_gguf()));
    if (positions && target_.arch) set_positions();
    if (target_.arch && source_.convention == Convention::hf && (crosses || text_only))
      config_ = language_part(config_, *target_.arch);
    if (crosses || text_only)
      cross();
    else
      keep_names();
    if (request_.to->convention == Convention::gguf)
      finish_gguf(crosses);
    else
      finish_hf(crosses);
    warn_of_text_only(options_.text_only, options_.source, target_);
    target_.config = config_;
    target_.type = target_.type.empty() ? main_type(target_.checkpoint) : target_.type;
    name_target();
    return std::move(target_);
  }

 private:
  Checkpoint& out() { return target_.checkpoint; }
  std::vector<Finding>& warnings() { return target_.warnings; }
  bool to_gguf() const { return request_.to->convention == Convention::gguf; }

  // the files as they are.
  Target copy() {
    target_.raw_copy = true;
    target_.checkpoint = source_;
    target_.origins.resize(source_.tensors.size());
    for (size_t i = 0; i < source_.tensors.size(); ++i)
      target_.origins[i].sources = {source_.tensors[i].name};
    target_.notes.emplace_back(
        "same format and nothing to change: a byte copy of the validated files");
    target_.config = config_;
    target_.type = main_type(source_);
    const Recognition r = recognise(source_, options_.model_type);
    target_.arch = r.arch;
    target_.arch_evidence = r.evidence;
    name_target();
    return std::move(target_);
  }

  void recognise_or_refuse(bool needed) {
    Checkpoint stated;  // what recognition may look at, with the laid-over config
    stated.convention = source_.convention;
    stated.tensors = source_.tensors;
    stated.files = source_.files;
    stated.metadata = source_.metadata;
    stated.config = config_;
    stated.config_file = config_file_;
    const bool hf = source_.convention == Convention::hf;
    Recognition r = recognise(stated, options_.model_type);
    refuse_bare_folder(r);
    if (!r.arch && !needed && hf && config_.is_null() && r.candidates.empty())
      fail(codes::needs_config, {.found = "names of tensors that no architecture has",
                                 .file = options_.source});
    if (!r.arch && (needed || (hf && config_.is_null())))
      r = require_architecture(stated, options_.model_type);
    target_.arch = r.arch;
    target_.arch_evidence = r.evidence;
    if (r.arch && needed && to_gguf() && r.arch->gguf.empty())
      fail(codes::no_gguf_architecture,
           {.where = r.evidence, .found = std::string(r.arch->name), .file = options_.source});
    // A GGUF that stays one keeps its names and keys: nothing asks what they mean.
    if (!r.arch || (!needed && !hf)) return;
    if (r.by_names || !options_.model_type.empty() || !has_own_facts(source_)) take_shapes(r);
    if (hf) {
      facts_ = facts_from_config(*r.arch, language_config(config_), config_file_, warnings());
    } else {
      restored_ = restore_config(source_.metadata);
      if (!options_.model_type.empty())
        restored_ = without(std::move(restored_), {"model_type", "architectures"});
      const json::Value beyond = beyond_gguf(restored_, *r.arch);
      facts_ = facts_from_gguf(*r.arch, source_, overlaid(beyond, config_), warnings());
    }
    for (const std::string& assumption : facts_.assumptions)
      target_.assumptions.push_back(assumption);
  }

  // A folder is a whole model: without its config it is damaged, unless the user says what it is.
  void refuse_bare_folder(const Recognition& known) const {
    if (source_.convention != Convention::hf || !request_.from->holds_config ||
        source_.config.is_object() || !request_.model_config.is_null() || !options_.model_type.empty())
      return;
    std::string expected = "config.json, or --model-config FILE";
    if (known.arch) {
      const CompletedConfig found = complete_by_shapes(*known.arch, source_, nullptr);
      expected += fmt::format(" with {}", fmt::join(missing_keys(*known.arch, found.config), ", "));
    }
    fail(codes::config_missing, {.where = known.evidence,
                                 .expected = std::move(expected),
                                 .found = "no such file",
                                 .file = options_.source});
  }

  // what no config says, names and shapes of the tensors do, or it is asked for.
  void take_shapes(const Recognition& known) {
    const bool bare = !has_own_facts(source_);
    if (!bare && (source_.convention == Convention::gguf || language_member(config_))) return;
    CompletedConfig completed = complete_by_shapes(*known.arch, source_, config_);
    if (bare) require_stated_facts(known, completed, options_.source);
    config_ = std::move(completed.config);
    if (known.by_names)
      target_.assumptions.push_back(fmt::format("{}: {}", known.arch->name, known.evidence));
    for (const std::string& fact : completed.derived)
      target_.assumptions.push_back(fact + " (by the tensors)");
    if (bare)
      target_.assumptions.push_back(
          fmt::format("class defaults of {} for what neither the tensors nor --model-config says",
                      known.arch->name));
  }

  // the target's own field for the context, and the scaling that gives a longer one meaning.
  void set_positions() {
    const int64_t trained = facts_.facts.integer(Fact::context);
    if (!options_.rope_scaling.empty()) set_rope_scaling(options_.rope_scaling, facts_);
    if (options_.context_length == 0) return;
    facts_.facts.set(Fact::context, options_.context_length);
    if (config_.is_object() && source_.convention == Convention::hf)
      config_.set(key_spelling(*target_.arch, Fact::context, Convention::hf),
                  options_.context_length);
    if (options_.context_length > trained && facts_.rope.type == "default")
      warnings().push_back(Error(codes::context_beyond_training,
                                 {.where = fmt::format("--context-length {}", options_.context_length),
                                  .expected = fmt::format("at most {}, the trained length", trained)}));
  }

  // Another convention: names and forms through the roles of the architecture.
  void cross() {
    Canonical canonical = held_by(to_canonical(source_, facts_, warnings()),
                                  request_.to->convention);
    facts_ = canonical.model;
    leave_modalities_out(canonical, options_.text_only, options_.source, target_);
    for (const Canonical::Dropped& d : canonical.dropped)
      target_.dropped.push_back(fmt::format("{} ({})", d.name, d.rule));
    report_unknown(canonical.unknown);
    if (source_.convention == Convention::gguf) canonical = narrowed(std::move(canonical));
    for (NativeTensor& native : from_canonical(canonical, request_.to->convention)) {
      Origin origin;
      for (const RoleKey& key : native.roles)
        if (const auto it = canonical.tensors.find(key); it != canonical.tensors.end())
          add_sources(it->second, origin.sources);
      out().tensors.push_back(std::move(native.tensor));
      target_.origins.push_back(std::move(origin));
    }
  }

  static void add_sources(const RoleTensor& tensor, std::vector<std::string>& sources) {
    if (std::find(sources.begin(), sources.end(), tensor.source) != sources.end()) return;
    sources.push_back(tensor.source);
    sources.insert(sources.end(), tensor.further_sources.begin(), tensor.further_sources.end());
  }

  void report_unknown(const std::vector<std::string>& unknown) {
    if (unknown.empty()) return;
    std::string names;
    for (size_t i = 0; i < unknown.size() && i < 3; ++i)
      names += fmt::format("{}\"{}\"", i ? ", " : "", printable(unknown[i]));
    if (unknown.size() > 3) names += fmt::format(" and {} more", unknown.size() - 3);
    warnings().push_back(Error(codes::unknown_tensor,
                               {.where = tensor_where(unknown.front()),
                                .found = fmt::format("{}: {}", unknown.size(), names),
                                .file = options_.source}));
    for (const std::string& name : unknown)
      target_.dropped.push_back(fmt::format("{} (not known to {})", name, facts_.arch->name));
  }

  // GGUF keeps vectors in f32 whatever the model's type is; a folder gets them back in that type
  // where no value changes.
  Canonical narrowed(Canonical canonical) {
    const Codec* type = request_.precision;
    if (!type) type = stated_float(source_);
    if (!type || type == &codec::f32) return canonical;
    if (request_.precision) return canonical;  // cast in set_types
    return narrow_exact(std::move(canonical), source_, *type);
  }

  void keep_names() {
    for (const Tensor& tensor : source_.tensors) {
      out().tensors.push_back(tensor);
      target_.origins.push_back({{tensor.name}});
    }
    out().metadata = source_.metadata;
    if (target_.arch && source_.convention == Convention::hf) {
      // The names stay, but a tensor that the family needs must be there.
      Canonical checked = to_canonical(source_, facts_, warnings());
      facts_ = checked.model;
    }
  }

  // Chooses the stored type of every tensor and wraps it in a cast.
  void set_types() {
    std::vector<const Codec*> types;
    if (to_gguf()) {
      const TypeRequest ask{.quant = request_.quant,
                            .precision = request_.precision,
                            .embedding = request_.embedding,
                            .output = request_.output_matrix,
                            .leave_output = options_.leave_output,
                            .pure = options_.pure,
                            .allow_requantize = options_.allow_requantize,
                            .from_gguf = source_.convention == Convention::gguf};
      types = decide_types(out().tensors, ask, warnings());
    } else {
      types = float_types(out().tensors, request_.precision, *request_.to);
    }
    for (size_t i = 0; i < types.size(); ++i) {
      Tensor& tensor = out().tensors[i];
      if (request_.to->type_name(*types[i]).empty())
        fail(codes::type_not_storable,
             {.where = tensor_where(tensor.name),
              .expected = fmt::format("a type of {}", request_.to->name),
              .found = std::string(types[i]->name)});
      Origin& origin = target_.origins[i];
      const bool same = &tensor.codec() == types[i];
      if (!same && types[i]->kind == CodecKind::block)
        origin.kind = Origin::Kind::quantized;
      else if (!same || !tensor.value->extent())
        origin.kind = Origin::Kind::converted;
      // Also where a rule computes (1 + w): the output of a fake is zeros. A tensor without a
      // source is a part of the config (rope factors), which is real.
      tensor.value = request_.makes_zeros() && !origin.sources.empty()
                         ? zeros(tensor.shape(), *types[i])
                         : cast(tensor.value, *types[i], cast_options(options_));
    }
  }

  void finish_gguf(bool crosses) {
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

  // Fakes stay fakes through further conversions.
  void mark_fake() {
    if (!options_.fake_weight && !has_fake_weights(source_.metadata)) return;
    out().metadata.set(fake_weights_key,
                       to_gguf() ? MetaValue::boolean(true) : MetaValue::string("true"));
  }

  uint32_t file_type_number() const {
    if (request_.quant) return request_.quant->number;
    for (const Tensor& tensor : out_tensors())
      if (tensor.shape().size() >= 2 && !keeps_float(tensor.name, tensor.shape()))
        if (const FileType* type = file_type_of(tensor.codec())) return type->number;
    return 0;
  }
  const std::vector<Tensor>& out_tensors() const { return target_.checkpoint.tensors; }

  void gguf_metadata_from_hf() {
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

  void note_side_file(const std::string& name, const std::vector<std::string>& used) {
    if (std::find(used.begin(), used.end(), name) != used.end()) return;
    // Read for general.*, or in another form in the tokenizer keys.
    if (name == "generation_config.json" || name == "README.md" || is_tokenizer_file(name) ||
        is_module_config(name))
      return;
    target_.dropped.push_back(fmt::format("{} (no place in a GGUF)", name));
  }

  void keep_gguf_metadata() {
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

  void finish_hf(bool crosses) {
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

  void hf_files_from_gguf(const Codec& dtype) {
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
    if (options_.preserve_metadata) carry_gguf_keys(source_, *facts_.arch, out().metadata);
  }

  static json::Value without(json::Value config, std::initializer_list<std::string_view> keys) {
    for (const std::string_view key : keys) config.erase(key);
    return config;
  }

  void keep_hf_files(const Codec& dtype) {
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

  void drop_what_has_no_place() {
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

  // BASE-ENCODING.gguf, BASE-FORMAT with the usual extension elsewhere.
  void name_target() {
    const std::string type =
        request_.quant ? std::string(request_.quant->name) : main_type(target_.checkpoint);
    target_.type = type;
    std::transform(target_.type.begin(), target_.type.end(), target_.type.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (to_gguf()) {
      GgufFileName name = gguf_file_name(target_.checkpoint.metadata);
      if (name.basename.empty() && name.name.empty()) name.name = source_.name;
      name.encoding = type;
      target_.stem = gguf_file_stem(name);
    } else {
      target_.stem = fmt::format("{}-{}", source_.name, request_.to->name);
    }
  }

  const Request& request_;
  const ConvertOptions& options_;
  const Checkpoint& source_;
  Target target_;
  ModelFacts facts_;
  json::Value config_;
  json::Value restored_;  // config members that an own GGUF carried
  std::string config_file_;
  bool provenance_ = true;
};

}  // namespace

Target assemble(const Request& request, const Checkpoint& source) {
  return Assembler(request, source).run();
}

}  // namespace recast
